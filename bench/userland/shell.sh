# What shell scripts are made of, by the shell alone: no other program is
# started, so that it measures one program under every emulator.

# How many ways there are to put N queens on N lines: columns and both
# diagonals that are taken are bits.
queens() {
    if [ $2 = $1 ]; then
        found=$((found + 1))
        return
    fi
    local column=0 bit
    while [ $column -lt $1 ]; do
        bit=$((1 << column))
        column=$((column + 1))
        [ $((($3 | $4 | $5) & bit)) = 0 ] || continue
        queens $1 $(($2 + 1)) $(($3 | bit)) $((($4 | bit) << 1)) \
            $((($5 | bit) >> 1))
    done
}

reverse() {
    local rest=$1 out=
    while [ -n "$rest" ]; do
        out=$out${rest#"${rest%?}"}
        rest=${rest%?}
    done
    echo "$out"
}

collatz() {
    local n=$1 steps=0
    while [ $n != 1 ]; do
        if [ $((n % 2)) = 0 ]; then
            n=$((n / 2))
        else
            n=$((3 * n + 1))
        fi
        steps=$((steps + 1))
    done
    length=$steps
}

kind_of() {
    case $1 in
    *.c | *.h) kind=source ;;
    *.[oa]) kind=object ;;
    lib*.so*) kind=library ;;
    [Mm]akefile | *.mk) kind=rules ;;
    *) kind=other ;;
    esac
}

found=0
queens 6 0 0 0 0
echo "queens $found"

longest=0
n=1
while [ $n -lt 120 ]; do
    collatz $n
    [ $length -le $longest ] || longest=$length
    n=$((n + 1))
done
echo "collatz $longest"

# Each $() is a process.
n=0
text=
while [ $n -lt 30 ]; do
    text=$(reverse "word$n-abcdefghij")
    n=$((n + 1))
done
echo "reverse $text"

source=0 object=0 library=0 rules=0 other=0
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    for name in main.c util.h main.o libdisco.so.0 Makefile notes.txt libx.a \
        a.mk b.c c.c d.o lib.so README; do
        kind_of $name
        eval "$kind=\$(($kind + round))"
    done
done
echo "kinds $source $object $library $rules $other"

# A text read line by line, its words counted.
set -f # a * in the text is no pattern
lines=0 words=0
while read -r first rest; do
    set -- $first $rest
    lines=$((lines + 1))
    words=$((words + $#))
done <source.txt
echo "read $lines $words"
