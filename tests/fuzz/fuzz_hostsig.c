/*
 * fuzz_hostsig.c - fuzz target: signatures of host functions.
 *
 * Whatever is accepted fits the guest's registers, and its text, written anew
 * from what was understood, means the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hostsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char *const names[] = {
#define TYPE_TEXT(name, text, words, bits, is_signed) text,
    HOST_TYPE_LIST(TYPE_TEXT)
#undef TYPE_TEXT
};

static const unsigned words[] = {
#define TYPE_WORDS(name, text, words, bits, is_signed) words,
    HOST_TYPE_LIST(TYPE_WORDS)
#undef TYPE_WORDS
};

static void check(int condition)
{
    if (!condition)
        abort();
}

static void check_again(const struct host_sig *sig)
{
    struct host_sig again;
    const char *why;
    uint32_t where;
    char text[128];
    size_t at;

    at = (size_t)snprintf(text, sizeof(text), "%s f(", names[sig->ret]);
    for (unsigned i = 0; i < sig->args; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s",
                               i ? "," : "", names[sig->arg[i]]);
    snprintf(text + at, sizeof(text) - at, ")");
    check(!hostsig_parse(text, &again, &where, &why));
    check(!memcmp(&again, sig, sizeof(again)));
}

static void check_accepted(const struct host_sig *sig)
{
    unsigned sum = 0;

    check(sig->ret < HOST_TYPE_COUNT && sig->ret != HOST_PTR &&
          sig->ret != HOST_BUF);
    check(sig->args <= HOST_WORDS_MAX);
    for (unsigned i = 0; i < sig->args; i++) {
        check(sig->arg[i] < HOST_TYPE_COUNT && sig->arg[i] != HOST_VOID);
        sum += words[sig->arg[i]];
        hostsig_convert((enum host_type)sig->arg[i], UINT64_MAX);
    }
    check(sum == sig->words && sum <= HOST_WORDS_MAX);
    check_again(sig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1);
    struct host_sig sig;
    disco_status status;
    const char *why = NULL;
    uint32_t where = UINT32_MAX;

    if (!text)
        return 0;
    if (bytes)
        memcpy(text, data, bytes);
    text[bytes] = 0;
    status = hostsig_parse(text, &sig, &where, &why);
    check(why && where <= strlen(text));
    if (status) {
        check(status == DISCO_E_INVAL && why[0]);
    } else {
        check(where == strlen(text) && !why[0]);
        check_accepted(&sig);
    }
    free(text);
    return 0;
}
