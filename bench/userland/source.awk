# Print a program in a little language, for compile.awk: functions of
# assignments, conditions, loops and calls.  -v functions=N

function pick(n) { # 0 .. n - 1
    seed = (seed * 16807) % 2147483647
    return seed % n
}

function name() { return substr("abcxyzuvw", 1 + pick(9), 1) }

function value(depth, kind) {
    kind = depth > 3 ? pick(2) : pick(7)
    if (kind == 0)
        return name()
    if (kind == 1)
        return "" pick(1000)
    if (kind == 2)
        return "(" value(depth + 1) ")"
    if (kind == 3 && number)
        return "f" pick(number) "(" value(depth + 2) ", " name() ")"
    return value(depth + 1) " " substr("+-*/%&", 1 + pick(6), 1) " " \
        value(depth + 1)
}

function statement(indent, depth, kind) {
    kind = depth > 2 ? 0 : pick(6)
    if (kind == 4) {
        print indent "while (" value(2) " > " pick(100) ") {"
        statement(indent "    ", depth + 1)
        statement(indent "    ", depth + 1)
        print indent "}"
    } else if (kind == 5) {
        print indent "if (" value(2) " < " value(2) ") {"
        statement(indent "    ", depth + 1)
        print indent "} else {"
        statement(indent "    ", depth + 1)
        print indent "}"
    } else {
        print indent name() " = " value(0) ";"
    }
}

BEGIN {
    seed = 42
    for (number = 0; number < functions; number++) {
        print "func f" number "(a, b) {"
        for (line = 0; line < 8; line++)
            statement("    ", 0)
        print "    return " value(1) ";"
        print "}"
    }
}
