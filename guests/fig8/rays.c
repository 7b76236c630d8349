/*
 * rays.c - threads that read one large scene, like the paper's Raytrace: each
 * takes a tile, follows rays from node to node of the scene, and writes the
 * tile's points.  A histogram is written by all.
 *
 * CPU 0 prepares the scene, so a first-touch allocator puts it on CPU 0's node.
 * Command line: scene=N pages (64), tiles=N (512), rays=N a tile (16), steps=N
 * a ray (24), work=N rounds of arithmetic a step (48).
 */
#include "lib.h"

enum { LINE_WORDS = 16, PAGE_WORDS = 512, BINS = 64 };
#define DATA_PHYS (16u << 20)

static uint64_t *scene, *points;
static uint32_t lines, tiles, rays, steps, work;
static uint32_t next_tile __attribute__((aligned(128)));
static uint32_t histogram[BINS] __attribute__((aligned(4096)));
static struct barrier gate __attribute__((aligned(4096)));
static uint32_t finished;

static uint64_t mix(uint64_t v)
{
    for (uint32_t i = 0; i < work; i++)
        v = (v ^ v >> 7) * 5 + i;
    return v;
}

static uint64_t follow(uint64_t v)
{
    for (uint32_t i = 0; i < steps; i++)
        v = mix(v + scene[(v >> 5) % lines * LINE_WORDS]);
    return v;
}

static void render(uint32_t tile)
{
    uint64_t v = 0;

    for (uint32_t i = 0; i < rays; i++) {
        v = follow(((uint64_t)tile << 32) + i * 7919);
        points[(uint64_t)tile * rays + i] = v;
    }
    atomic_add(&histogram[v % BINS], 1);
}

static void run(uint32_t cpu)
{
    uint32_t tile;

    (void)cpu;
    barrier_wait(&gate, board.cpus);
    while ((tile = atomic_add(&next_tile, 1)) < tiles)
        render(tile);
    atomic_add(&finished, 1);
}

int guest_main(void)
{
    uint64_t sum = 0;
    uint32_t words = (uint32_t)option_value("scene", 64) * PAGE_WORDS;

    tiles = (uint32_t)option_value("tiles", 512);
    rays = (uint32_t)option_value("rays", 16);
    steps = (uint32_t)option_value("steps", 24);
    work = (uint32_t)option_value("work", 48);
    lines = words / LINE_WORDS;
    scene = phys_ptr(DATA_PHYS);
    points = scene + words;
    for (uint32_t i = 0; i < words; i++)
        scene[i] = (uint64_t)i * i;
    for (uint32_t cpu = 1; cpu < board.cpus; cpu++)
        cpu_start(cpu, run);
    run(0);
    while (READ_ONCE(finished) < board.cpus)
        ;
    for (uint32_t i = 0; i < tiles * rays; i++)
        sum = sum * 31 + points[i];
    print("rays: %u tiles on %u CPUs, sum %016lx\n", tiles, board.cpus, sum);
    return 0;
}
