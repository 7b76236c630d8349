/*
 * dhry.c - a mix in the spirit of Dhrystone: record assignment through
 * pointers, short string copies and comparisons, an enumeration switch, small
 * calls with value and reference parameters, one- and two-dimensional arrays.
 */
#include "bench.h"

enum kind { RED, GREEN, BLUE, GREY, BLACK };
struct rec {
    struct rec *next;
    enum kind kind, sub;
    int32_t num;
    char text[32];
};
static struct rec pool[2];
static struct rec *head;
static int32_t vec1[64], grid[64][64], gint;
static char gch1, gch2;

static NOINLINE int str_cmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

static NOINLINE void str_cpy(char *d, const char *s)
{
    while ((*d++ = *s++))
        ;
}

static NOINLINE enum kind classify(enum kind k, int32_t n)
{
    switch (k) {
    case RED:
        return n > 100 ? RED : GREY;
    case GREEN:
        return n & 1 ? BLUE : GREEN;
    case BLUE:
        return RED;
    case GREY:
        return BLACK;
    default:
        return GREEN;
    }
}

static NOINLINE void add7(int32_t x, int32_t y, int32_t *out)
{
    *out = x + 2 + y;
}
static NOINLINE void arrays(int32_t *v, int32_t (*g)[64], int32_t x, int32_t y)
{
    int32_t loc = (x + 5) & 31;
    v[loc] = y;
    v[loc + 1] = v[loc];
    v[loc + 30] = loc;
    for (int32_t i = loc; i <= loc + 1; i++)
        g[loc][i] = loc;
    g[loc][loc - (loc ? 1 : 0)] += 1;
    g[loc + 20][loc] = v[loc];
    gint = 5;
}

static NOINLINE void link_rec(struct rec *r)
{
    struct rec *n = r->next;
    *n = *head;
    r->num = 5;
    n->num = r->num;
    n->next = r->next;
    if (n->kind == RED) {
        n->num = 6;
        n->sub = classify(r->sub, n->num);
        n->next = head->next;
        add7(n->num, 10, &n->num);
    } else {
        *r = *n;
    }
}

static NOINLINE int same_letter(char a, char b)
{
    if (a != b)
        return 0;
    gch1 = a;
    return 1;
}

static NOINLINE int text_gt(const char *a, const char *b)
{
    int i = 2;
    while (i <= 2)
        if (!same_letter(a[i], b[i + 1]))
            i++;
        else
            i += 2;
    return str_cmp(a, b) > 0;
}

BENCH("dhry", 1800000)
{
    static char t1[32], t2[32];
    uint64_t h = 0;
    head = &pool[0];
    head->next = &pool[1];
    head->kind = RED;
    head->sub = GREEN;
    head->num = 40;
    str_cpy(head->text, "A RECORD WITH SOME TEXT IN IT.");
    str_cpy(t1, "A STRING OF THE FIRST KIND....");
    grid[8][7] = 10;
    for (unsigned long r = 0; r < reps; r++) {
        int32_t a = 2, b = 3, c = 0;
        gch2 = 'B';
        str_cpy(t2, "A STRING OF THE SECOND KIND...");
        int gt = !text_gt(t1, t2);
        while (a < b) {
            c = 5 * a - b;
            add7(a, b, &c);
            a++;
        }
        arrays(vec1, grid, a, c);
        link_rec(head);
        for (char ch = 'A'; ch <= gch2; ch++)
            if (same_letter(ch, 'C'))
                head->sub = classify(head->sub, (int32_t)r);
        b = b * a;
        a = b / c;
        b = 7 * (b - c) - a;
        h += (uint64_t)(uint32_t)(b + gt + pool[1].num + gint);
        head->sub = classify(pool[1].sub, (int32_t)r);
    }
    h = mix64(h, (uint64_t)(uint32_t)grid[28][8]);
    return mix64(h, (uint64_t)head->sub + (uint8_t)gch1);
}
