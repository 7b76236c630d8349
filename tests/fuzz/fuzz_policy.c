/*
 * fuzz_policy.c - a policy that answers anything, on a machine that lives: what
 * it says is done or refused, and the machine stays whole.
 *
 * Input: groups of eight bytes: what to do (count, answer, tick, pin, free,
 * store), a page, a node, an action, an answered node, three for amounts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <disco/disco.h>

enum { NODES = 4, PAGES = 16, PINS = 4, GROUPS_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    disco_machine *machine;
    disco_vm *vm;
    disco_pin pin[PINS];
    uint32_t action;
    uint32_t node;
    uint64_t now_ns;
};

static void must(int condition)
{
    if (!condition)
        abort();
}

static uint32_t decide(void *opaque, const disco_policy_params *params,
                       const disco_policy_page *page, uint32_t *node)
{
    const struct world *w = opaque;
    uint32_t i;
    uint64_t sum = 0;

    must(page->nodes == NODES && page->node < NODES);
    must(page->copies >> page->node & 1);
    for (i = 0; i < NODES; i++)
        sum += (uint64_t)page->reads[i] + page->writes[i];
    must(params->trigger > 0);
    *node = w->node + (uint32_t)(sum & 1);
    return w->action;
}

static int make(struct world *w)
{
    const disco_policy_ops ops = { .size = sizeof(ops),
                                   .name = "fuzz",
                                   .decide = decide };
    disco_policy_params params = {
        .size = sizeof(params), .trigger = 4, .freeze = 6, .thaw = 3
    };
    disco_placement_config placement = { .size = sizeof(placement),
                                         .ops = &ops,
                                         .opaque = w,
                                         .params = &params,
                                         .pages = 8,
                                         .log_events = 4 };
    disco_machine_config config = { .size = sizeof(config) };

    memset(w, 0, sizeof(*w));
    config.nodes = NODES;
    config.node_bytes = 12 * DISCO_PAGE_BYTES;
    if (disco_machine_create(&config, &w->machine, NULL))
        return -1;
    must(!disco_vm_create(w->machine, NULL, &w->vm));
    must(!disco_vm_map_ram(w->vm, 0, PAGES * DISCO_PAGE_BYTES, NULL));
    must(!disco_placement_start(w->machine, &placement));
    return 0;
}

static void toggle_pin(struct world *w, uint64_t gpa, uint32_t slot)
{
    disco_pin *pin = &w->pin[slot % PINS];

    if (pin->host) {
        must(!disco_mem_unpin(w->vm, pin));
        memset(pin, 0, sizeof(*pin));
        return;
    }
    pin->size = sizeof(*pin);
    if (disco_mem_pin(w->vm, gpa, 8, DISCO_READ, pin))
        memset(pin, 0, sizeof(*pin));
}

static void step(struct world *w, const uint8_t *g)
{
    uint64_t gpa = (uint64_t)(g[1] % PAGES) * DISCO_PAGE_BYTES;

    switch (g[0] % 6) {
    case 0:
        disco_counters_add(w->vm, gpa, g[2] % (NODES + 1), g[5], g[6]);
        break;
    case 1:
        w->action = g[3] < 240 ? g[3] % 6 : 0x10000u * g[3];
        w->node = g[4] < 240 ? g[4] % NODES : 0x1000000u * g[4];
        break;
    case 2:
        w->now_ns += (uint64_t)g[5] << g[6] % 32;
        must(!disco_placement_tick(w->machine, w->now_ns, NULL));
        break;
    case 3:
        toggle_pin(w, gpa, g[2]);
        break;
    case 4:
        disco_page_migrate(w->vm, gpa, g[2] % NODES);
        break;
    default:
        must(!disco_mem_write(w->vm, gpa + g[7], &g[1], 1));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w;
    size_t i;

    if (make(&w))
        return 0;
    for (i = 0; i + 8 <= size && i < 8 * GROUPS_MAX; i += 8)
        step(&w, data + i);
    must(!disco_machine_verify(w.machine));
    for (i = 0; i < PINS; i++)
        if (w.pin[i].host)
            must(!disco_mem_unpin(w.vm, &w.pin[i]));
    must(!disco_vm_destroy(w.vm));
    must(!disco_machine_destroy(w.machine));
    return 0;
}
