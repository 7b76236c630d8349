/*
 * prog.c - what runs in user mode: integer and floating-point work over memory
 * that comes in on demand, calls into the kernel, and three ways to misbehave.
 */
#include <stddef.h>
#include <stdint.h>

#define HEAP       0x10000000ul
#define HEAP_PAGES 320ul /* far more than the TLB holds */
#define PAGE       4096ul
#define GOOD       0x600d
#define BAD        0xbad

#define CALL_EXIT  0
#define CALL_WRITE 1
#define CALL_CPU   2
#define CALL_YIELD 3
#define CALL_DROP  4
#define CALL_TICKS 5

extern char user_data[], user_image_end[], user_bss_end[];
void user_start(void);
void user_main(uint64_t id, uint64_t kind);

/* The kernel reads this at the start of the image. */
const uint64_t user_head[4] __attribute__((section(".head"), used)) = {
    (uint64_t)(uintptr_t)user_start,
    (uint64_t)(uintptr_t)user_data,
    (uint64_t)(uintptr_t)user_image_end,
    (uint64_t)(uintptr_t)user_bss_end,
};

__asm__(".text\n\t.set push\n\t.set noreorder\n\t.globl user_start\n"
        "user_start:\n\tctc1 $0, $31\n\tjal user_main\n\t nop\n"
        "1:\tb 1b\n\t nop\n\t.set pop");

static uint64_t data_word = 12345; /* .data: a copy of our own */
static uint8_t sieve[20000];       /* .bss */

static uint64_t call(uint64_t number, uint64_t a, uint64_t b)
{
    register uint64_t v0 __asm__("$2") = number;
    register uint64_t a0 __asm__("$4") = a;
    register uint64_t a1 __asm__("$5") = b;

    __asm__ volatile("syscall" : "+r"(v0) : "r"(a0), "r"(a1) : "memory");
    return v0;
}

/* Demand-zero pages: all zero, written in one order, read in another. */
static int use_heap(uint64_t id)
{
    volatile uint64_t *heap = (volatile uint64_t *)HEAP;
    uint64_t step = PAGE / 8, sum = 0;

    for (uint64_t i = 0; i < HEAP_PAGES; i += 3)
        sum += heap[i * step + i % step];
    if (sum)
        return -1;
    for (uint64_t i = 0; i < HEAP_PAGES; i++)
        heap[i * step + i % step] = i * i + id;
    call(CALL_YIELD, 0, 0);
    for (uint64_t k = 0; k < HEAP_PAGES; k++) {
        uint64_t i = k * 7 % HEAP_PAGES;

        if (heap[i * step + i % step] != i * i + id)
            return -1;
    }
    /* Given back, they are zero again. */
    if (call(CALL_DROP, HEAP + 16 * PAGE, 64 * PAGE) != 0)
        return -1;
    for (uint64_t i = 16; i < 80; i++)
        if (heap[i * step + i % step])
            return -1;
    return heap[80 * step + 80] == 6400 + id ? 0 : -1;
}

static int count_primes(void)
{
    int count = 0;

    for (unsigned i = 2; i < sizeof sieve; i++) {
        if (sieve[i])
            continue;
        count++;
        for (unsigned k = 2 * i; k < sizeof sieve; k += i)
            sieve[k] = 1;
    }
    return count == 2262 ? 0 : -1;
}

/* Leibniz: registers of the FPU must survive the slices. */
static int compute_pi(void)
{
    double sum = 0, sign = 1;

    for (int i = 0; i < 20000; i++) {
        sum += sign / (2 * i + 1);
        sign = -sign;
        if (i % 5000 == 0)
            call(CALL_YIELD, 0, 0);
    }
    return sum * 4 > 3.14154 && sum * 4 < 3.14155 ? 0 : -1;
}

static int use_calls(uint64_t id)
{
    static const char hello[] = "hello from user mode";
    uint64_t cpu = call(CALL_CPU, 0, 0);

    if (id == 0)
        call(CALL_WRITE, (uint64_t)(uintptr_t)hello, sizeof hello - 1);
    /* The kernel must refuse its own addresses. */
    if (call(CALL_WRITE, 0xffffffff80100000, 8) != ~0ul)
        return -1;
    for (int i = 0; i < 200; i++)
        if (call(CALL_CPU, 0, 0) != cpu)
            return -1;
    return call(99, 0, 0) == ~0ul ? 0 : -1;
}

static void misbehave(uint64_t kind)
{
    if (kind == 1)
        *(volatile uint64_t *)0xffffffff80000000;
    else if (kind == 2)
        __asm__ volatile("mfc0 $2, $12");
    else
        ((void (*)(void))0x30000000ul)();
}

void user_main(uint64_t id, uint64_t kind)
{
    uint64_t result = GOOD;

    if (kind)
        misbehave(kind);
    data_word += id;
    if (use_heap(id) || count_primes() || compute_pi() || use_calls(id) ||
        data_word != 12345 + id)
        result = BAD;
    call(CALL_EXIT, result, 0);
}
