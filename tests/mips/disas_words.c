/*
 * disas_words.c - disassemble big-endian words from standard input.
 *
 *     disas_words ADDRESS < words
 *
 * One line a word.  For objdump_compare.py.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <disco/vcpu.h>

int main(int argc, char **argv)
{
    uint64_t pc;
    unsigned char b[4];
    char text[64];

    if (argc != 2) {
        fprintf(stderr, "usage: disas_words ADDRESS < words\n");
        return 2;
    }
    pc = strtoull(argv[1], NULL, 0);
    for (; fread(b, sizeof(b), 1, stdin) == 1; pc += 4) {
        uint32_t word = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
                        (uint32_t)b[2] << 8 | b[3];

        if (disco_disassemble(word, pc, text, sizeof(text)) != DISCO_OK)
            return 1;
        puts(text);
    }
    return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
