# Compile the little language of source.awk for a machine with a stack: tokens,
# recursive descent, constants folded, numbered labels.

function fail(what) {
    print "line " line[at] ": " what ", not " token[at]
    exit 1
}

function take(what) {
    if (token[at] != what)
        fail(what)
    at++
}

function emit(text) { code[++length_] = text }

# The last two instructions push constants: compute now.
function fold(operation, x, y, r) {
    if (code[length_] !~ /^push / || code[length_ - 1] !~ /^push /)
        return 0
    x = substr(code[length_ - 1], 6) + 0
    y = substr(code[length_], 6) + 0
    if (operation == "+")
        r = x + y
    else if (operation == "-")
        r = x - y
    else if (operation == "*" && x * y < 1000000)
        r = x * y
    else
        return 0
    length_--
    code[length_] = "push " r
    folded++
    return 1
}

function primary(t, count) {
    t = token[at++]
    if (t == "(") {
        expression(1)
        take(")")
    } else if (t ~ /^[0-9]/) {
        emit("push " t)
    } else if (token[at] == "(") {
        at++
        while (token[at] != ")") {
            expression(1)
            count++
            if (token[at] == ",")
                at++
        }
        at++
        emit("call " t " " count + 0)
        calls[t]++
    } else if (t ~ /^[a-z]/) {
        if (!(t in slot))
            slot[t] = slots++
        emit("load " slot[t])
    } else {
        at--
        fail("a value")
    }
}

function expression(least, operation) {
    primary()
    while (level[token[at]] >= least) {
        operation = token[at++]
        expression(level[operation] + 1)
        if (!fold(operation))
            emit(mnemonic[operation])
    }
}

function block() {
    take("{")
    while (token[at] != "}")
        statement()
    at++
}

function statement(t, first, second) {
    t = token[at++]
    if (t == "while") {
        first = ++labels
        second = ++labels
        emit("L" first ":")
        take("(")
        expression(1)
        take(")")
        emit("jz L" second)
        block()
        emit("jump L" first)
        emit("L" second ":")
    } else if (t == "if") {
        first = ++labels
        second = ++labels
        take("(")
        expression(1)
        take(")")
        emit("jz L" first)
        block()
        emit("jump L" second)
        emit("L" first ":")
        take("else")
        block()
        emit("L" second ":")
    } else if (t == "return") {
        expression(1)
        take(";")
        emit("return")
    } else {
        take("=")
        expression(1)
        take(";")
        if (!(t in slot))
            slot[t] = slots++
        emit("store " slot[t])
    }
}

function definition(name, i, n) {
    take("func")
    name = token[at++]
    for (i in slot)
        delete slot[i]
    slots = 0
    length_ = 0
    take("(")
    while (token[at] != ")") {
        if (token[at] != ",")
            slot[token[at]] = slots++
        at++
    }
    at++
    block()
    print name ": " slots
    for (n = 1; n <= length_; n++)
        print "    " code[n]
}

BEGIN {
    n = split("< > + - & * / %", names, " ")
    split("1 1 2 2 3 4 4 4", levels, " ")
    split("less more add sub and mul div mod", words, " ")
    for (i = 1; i <= n; i++) {
        level[names[i]] = levels[i] + 0
        mnemonic[names[i]] = words[i]
    }
}

{
    text = $0
    while (match(text, /[a-z][a-z0-9]*|[0-9]+|[^ \t]/)) {
        token[++tokens] = substr(text, RSTART, RLENGTH)
        line[tokens] = NR
        text = substr(text, RSTART + RLENGTH)
    }
}

END {
    at = 1
    while (at <= tokens)
        definition()
    for (t in calls)
        total += calls[t]
    print tokens " tokens, " total " calls, " folded " folded"
}
