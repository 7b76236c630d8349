/*
 * fuzz_decode.c - decoder and disassembler on any words.
 *
 * Input: 8 bytes of address, then big-endian words; what is left over counts as
 * a word with zeroes behind it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <disco/vcpu.h>

#include "mips/decode.h"
#include "support/insn_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

/* Up to `bytes` bytes, big-endian, as if zeroes followed. */
static uint64_t take(const uint8_t **data, size_t *size, unsigned int bytes)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < bytes; i++) {
        value <<= 8;
        if (*size > 0) {
            value |= *(*data)++;
            --*size;
        }
    }
    return value;
}

/* The text with its NUL, or refused and empty; nothing behind the buffer. */
static void check_small(uint32_t word, uint64_t pc, const char *want,
                        uint32_t bytes)
{
    char text[80];
    disco_status status;

    memset(text, '#', sizeof(text));
    status = disco_disassemble(word, pc, text, bytes);
    must(text[bytes] == '#');
    if (strlen(want) < bytes)
        must(status == DISCO_OK && !strcmp(text, want));
    else
        must(status == DISCO_E_INVAL && text[0] == '\0');
}

static void check_word(uint32_t word, uint64_t pc)
{
    enum insn_id id = insn_decode(word);
    char text[64];

    must(id == insn_scan(word));
    memset(text, '#', sizeof(text));
    must(disco_disassemble(word, pc, text, sizeof(text)) == DISCO_OK);
    must(memchr(text, '\0', sizeof(text)) != NULL);
    must(!strncmp(text, insn_info[id].name, strlen(insn_info[id].name)));
    must(!strchr(text, '%') && !strchr(text, '#'));
    check_small(word, pc, text, 1 + (word ^ word >> 16) % 63);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t pc = take(&data, &size, 8);

    for (; size > 0; pc += 4)
        check_word((uint32_t)take(&data, &size, 4), pc);
    return 0;
}
