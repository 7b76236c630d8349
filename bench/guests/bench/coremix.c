/*
 * coremix.c - linked-list work, a small integer matrix product, a text state
 * machine and a CRC-16 that ties them together.
 */
#include "bench.h"

struct node {
    struct node *next;
    int16_t key, idx;
};
#define NODES 200
static struct node nodes[NODES];
#define DIM 20
static int16_t ma[DIM][DIM], mb[DIM][DIM];
static int32_t mc[DIM][DIM];

static NOINLINE uint16_t crc16(uint32_t v, int bits, uint16_t crc)
{
    while (bits--) {
        uint32_t x = (v ^ crc) & 1;
        crc >>= 1;
        if (x)
            crc ^= 0xa001;
        v >>= 1;
    }
    return crc;
}

static struct node *merge_sort(struct node *list, int by_idx)
{
    for (int width = 1;; width *= 2) {
        struct node *p = list, *tail = NULL;
        int merges = 0;
        list = NULL;
        while (p) {
            struct node *q = p;
            int np = 0, nq = width;
            merges++;
            while (np < width && q) {
                np++;
                q = q->next;
            }
            while (np > 0 || (nq > 0 && q)) {
                struct node *e;
                int take_p =
                    np > 0 && (nq == 0 || !q ||
                               (by_idx ? p->idx <= q->idx : p->key <= q->key));
                if (take_p) {
                    e = p;
                    p = p->next;
                    np--;
                } else {
                    e = q;
                    q = q->next;
                    nq--;
                }
                if (tail)
                    tail->next = e;
                else
                    list = e;
                tail = e;
            }
            p = q;
        }
        tail->next = NULL;
        if (merges <= 1)
            return list;
    }
}

static struct node *reverse(struct node *l)
{
    struct node *r = NULL;
    while (l) {
        struct node *n = l->next;
        l->next = r;
        r = l;
        l = n;
    }
    return r;
}

static uint16_t list_work(uint32_t seed)
{
    for (int i = 0; i < NODES; i++) {
        nodes[i].key = (int16_t)(xorshift32(&seed) & 0x7fff);
        nodes[i].idx = (int16_t)i;
        nodes[i].next = i + 1 < NODES ? &nodes[i + 1] : NULL;
    }
    struct node *l = reverse(nodes);
    uint16_t crc = 0;
    for (int k = 0; k < 20; k++) {
        int want = (int)(xorshift32(&seed) % NODES), depth = 0;
        for (struct node *n = l; n && n->idx != want; n = n->next)
            depth++;
        crc = crc16((uint32_t)depth, 16, crc);
    }
    l = merge_sort(l, 0);
    for (struct node *n = l; n; n = n->next)
        crc = crc16((uint16_t)n->key, 16, crc);
    l = merge_sort(l, 1);
    return crc16((uint16_t)l->idx, 16, crc);
}

static uint16_t matrix_work(uint32_t seed)
{
    for (int i = 0; i < DIM; i++)
        for (int j = 0; j < DIM; j++) {
            ma[i][j] = (int16_t)(xorshift32(&seed) & 0xff);
            mb[i][j] = (int16_t)(xorshift32(&seed) & 0xff);
        }
    for (int i = 0; i < DIM; i++)
        for (int j = 0; j < DIM; j++) {
            int32_t s = 0;
            for (int k = 0; k < DIM; k++)
                s += ma[i][k] * mb[k][j];
            mc[i][j] = s;
        }
    uint16_t crc = 0;
    for (int i = 0; i < DIM; i++)
        for (int j = 0; j < DIM; j++) {
            int32_t b = (mc[i][j] >> 2) & 0xf, w = (mc[i][j] >> 5) & 0x7f;
            crc = (uint16_t)(crc + b * w);
        }
    return crc;
}

enum st { START, SIGN, INT, DOT, FRAC, EXP, EXPSIGN, EXPNUM, BAD, NST };
static const char *const text =
    "5012,-874,+122,0x1f,35.54400,.1234500,-110.700,+0.64400,5.500e+3,-.123e-2,"
    "-87e+832,+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,99,12.5e,--4,e5,";
static uint16_t state_work(uint32_t seed)
{
    uint32_t count[NST] = { 0 };
    uint32_t flip = 3 + seed % 17, pos = 0;
    enum st s = START;
    for (const char *p = text; *p; p++, pos++) {
        char c = *p;
        if (pos % flip == 0 && c != ',')
            c ^= (char)(seed & 3);
        int digit = c >= '0' && c <= '9';
        if (c == ',') {
            count[s]++;
            s = START;
            continue;
        }
        switch (s) {
        case START:
            s = digit                    ? INT
                : (c == '+' || c == '-') ? SIGN
                : c == '.'               ? DOT
                                         : BAD;
            break;
        case SIGN:
            s = digit ? INT : c == '.' ? DOT : BAD;
            break;
        case INT:
            s = digit ? INT : c == '.' ? FRAC : (c == 'e') ? EXP : BAD;
            break;
        case DOT:
            s = digit ? FRAC : BAD;
            break;
        case FRAC:
            s = digit ? FRAC : c == 'e' ? EXP : BAD;
            break;
        case EXP:
            s = (c == '+' || c == '-') ? EXPSIGN : digit ? EXPNUM : BAD;
            break;
        case EXPSIGN:
            s = digit ? EXPNUM : BAD;
            break;
        case EXPNUM:
            s = digit ? EXPNUM : BAD;
            break;
        default:
            break;
        }
    }
    uint16_t crc = 0;
    for (int i = 0; i < NST; i++)
        crc = crc16(count[i], 32, crc);
    return crc;
}

BENCH("coremix", 4500)
{
    uint16_t crc = 0xffff;
    uint32_t seed = 1;
    for (unsigned long r = 0; r < reps; r++) {
        crc = crc16(list_work(seed), 16, crc);
        crc = crc16(matrix_work(seed), 16, crc);
        for (int k = 0; k < 8; k++)
            crc = crc16(state_work(seed + (uint32_t)k), 16, crc);
        seed += crc | 1;
    }
    return mix64(crc, seed);
}
