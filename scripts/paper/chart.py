"""Stacked bars as SVG, for the experiments; plain text, no dependency."""
from html import escape

COLOURS = ["#4c72b0", "#55a868", "#c44e52", "#dd8452", "#8172b3", "#bbbbbb",
           "#937860", "#64b5cd"]
BAR, GAP, GROUP_GAP, HEIGHT, TOP, LEFT = 46, 14, 40, 260, 60, 50


def _text(x, y, text, anchor="middle", size=11, extra=""):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" '
            f'font-size="{size}"{extra}>{escape(text)}</text>')


def _bar(x, parts, scale, label, total):
    out, y = [], TOP + HEIGHT
    for index, value in enumerate(parts):
        height = value * scale
        y -= height
        out.append(f'<rect x="{x}" y="{y:.1f}" width="{BAR}" '
                   f'height="{height:.1f}" '
                   f'fill="{COLOURS[index % len(COLOURS)]}"/>')
    out.append(_text(x + BAR / 2, y - 5, total))
    for line, word in enumerate(label.split("\n")):
        out.append(_text(x + BAR / 2, TOP + HEIGHT + 15 + 13 * line, word,
                         size=10))
    return out


def stacked_bars(title, legend, groups, unit):
    """groups: [(name, [(label, [values], text above)])]; values by legend."""
    highest = max(sum(parts) for _, bars in groups for _, parts, _ in bars)
    scale = HEIGHT / highest
    out, x = [], LEFT
    for name, bars in groups:
        start = x
        for label, parts, total in bars:
            out += _bar(x, parts, scale, label, total)
            x += BAR + GAP
        out.append(_text((start + x - GAP) / 2, TOP + HEIGHT + 58, name,
                         size=13))
        x += GROUP_GAP
    width = max(x, LEFT + 110 * len(legend))
    out.append(_text(width / 2, 20, title, size=15))
    out.append(_text(14, TOP + HEIGHT / 2, unit, extra=' transform="rotate('
                     f'-90 14 {TOP + HEIGHT / 2:.0f})"'))
    for index, name in enumerate(legend):
        at = LEFT + 110 * index
        out.append(f'<rect x="{at}" y="30" width="10" height="10" '
                   f'fill="{COLOURS[index % len(COLOURS)]}"/>')
        out.append(_text(at + 14, 39, name, anchor="start"))
    out.append(f'<line x1="{LEFT - 8}" y1="{TOP + HEIGHT}" x2="{x - GROUP_GAP}"'
               f' y2="{TOP + HEIGHT}" stroke="black"/>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
            f'height="{TOP + HEIGHT + 70}" font-family="sans-serif">\n'
            '<rect width="100%" height="100%" fill="white"/>\n'
            + "\n".join(out) + "\n</svg>\n")
