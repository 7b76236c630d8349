/*
 * fake_vm.c - see fake_vm.h.
 */
#include "devices/fake_vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"

/* --- Machine ------------------------------------------------------------- */

static void *fake_alloc(void *opaque, uint64_t bytes)
{
    disco_machine *machine = opaque;

    if (load_relaxed(&machine->fail_in) >= 0 &&
        sub_seq(&machine->fail_in, 1) == 0)
        return NULL;
    add_relaxed(&machine->live_bytes, (int64_t)bytes);
    return malloc(bytes);
}

static void fake_free(void *opaque, void *ptr, uint64_t bytes)
{
    disco_machine *machine = opaque;

    add_relaxed(&machine->live_bytes, -(int64_t)bytes);
    free(ptr);
}

static void *fake_page_alloc(void *opaque, uint64_t bytes, uint32_t node)
{
    (void)opaque;
    (void)bytes;
    (void)node;
    return NULL;
}

static void fake_page_free(void *opaque, void *ptr, uint64_t bytes,
                           uint32_t node)
{
    (void)opaque;
    (void)ptr;
    (void)bytes;
    (void)node;
}

disco_machine *fake_machine_new(void)
{
    disco_machine *machine = calloc(1, sizeof(*machine));
    disco_allocator ops = {
        .size = sizeof(ops),
        .opaque = machine,
        .alloc = fake_alloc,
        .free = fake_free,
        .page_alloc = fake_page_alloc,
        .page_free = fake_page_free,
    };

    machine->fail_in = -1;
    if (alloc_init(&machine->context.alloc, &ops) ||
        errors_init(&machine->context.errors))
        abort();
    return machine;
}

int64_t fake_machine_free(disco_machine *machine)
{
    int64_t left = load_relaxed(&machine->live_bytes);

    errors_destroy(&machine->context.errors);
    free(machine);
    return left;
}

/* --- VM ------------------------------------------------------------------ */

disco_vm *fake_vm_new(disco_machine *machine, const char *name)
{
    disco_vm *vm = calloc(1, sizeof(*vm));
    uint32_t i;

    vm->machine = machine;
    vm->name = name;
    vm->ram = calloc(1, FAKE_RAM_BYTES);
    lock_init(&vm->lock);
    for (i = 0; i < FAKE_CPUS; i++) {
        vm->cpu[i].vm = vm;
        vm->cpu[i].index = i;
    }
    vm->cpu[0].running = 1;
    return vm;
}

void fake_vm_free(disco_vm *vm)
{
    uint32_t i;

    disco_vm_set_irq_route(vm, NULL, NULL);
    for (i = vm->nregions; i-- > 0;) {
        if (vm->region[i].ops.release)
            vm->region[i].ops.release(vm->region[i].opaque);
    }
    for (i = 0; i < FAKE_TIMERS; i++)
        free(vm->timer[i]);
    lock_destroy(&vm->lock);
    free(vm->ram);
    free(vm);
}

/* What disco_vm_fork copies itself. */
static disco_vm *copy_of(disco_vm *vm, const char *name)
{
    disco_vm *child = fake_vm_new(vm->machine, name);
    uint32_t i;

    lock_take(&vm->lock);
    memcpy(child->ram, vm->ram, FAKE_RAM_BYTES);
    child->levels = vm->levels;
    child->now_ns = vm->now_ns;
    for (i = 0; i < FAKE_CPUS; i++) {
        child->cpu[i] = vm->cpu[i];
        child->cpu[i].vm = child;
        child->cpu[i].irq_calls = 0;
    }
    lock_give(&vm->lock);
    return child;
}

disco_status fake_vm_fork(disco_vm *vm, const char *name, disco_vm **out)
{
    disco_vm *child = copy_of(vm, name);
    disco_status status = 0;
    uint32_t i;

    if (vm->after_copy)
        vm->after_copy(vm);
    for (i = 0; i < vm->nregions && !status; i++) {
        struct disco_region *region = &child->region[i];

        *region = vm->region[i];
        if (!region->ops.fork)
            status = DISCO_E_UNSUPPORTED;
        else
            status =
                region->ops.fork(vm->region[i].opaque, child, &region->opaque);
        child->nregions += !status;
    }
    if (status)
        fake_vm_free(child);
    else
        *out = child;
    return status;
}

void *disco_vm_region_opaque(disco_vm *vm, const char *key)
{
    uint32_t i;

    for (i = 0; vm && i < vm->nregions; i++) {
        if (strcmp(vm->region[i].key, key) == 0)
            return vm->region[i].opaque;
    }
    return NULL;
}

void fake_vm_reset(disco_vm *vm)
{
    uint32_t i;

    for (i = 0; i < vm->nregions; i++) {
        if (vm->region[i].ops.reset)
            vm->region[i].ops.reset(vm->region[i].opaque);
    }
}

disco_machine *disco_vm_machine(disco_vm *vm)
{
    return vm->machine;
}

const char *disco_vm_name(const disco_vm *vm)
{
    return vm->name;
}

uint32_t disco_vm_vcpu_count(const disco_vm *vm)
{
    (void)vm;
    return FAKE_CPUS;
}

disco_vcpu *disco_vm_vcpu(disco_vm *vm, uint32_t index)
{
    return index < FAKE_CPUS ? &vm->cpu[index] : NULL;
}

void disco_vm_request_shutdown(disco_vm *vm, uint32_t code)
{
    vm->shutdown++;
    vm->shutdown_code = code;
}

void disco_vm_request_reset(disco_vm *vm)
{
    vm->resets++;
}

/* --- Interrupts ---------------------------------------------------------- */

disco_status disco_vm_set_irq_route(disco_vm *vm, disco_irq_route_fn route,
                                    void *opaque)
{
    lock_take(&vm->lock);
    vm->route = route;
    vm->route_opaque = opaque;
    lock_give(&vm->lock);
    return 0;
}

disco_status disco_vm_set_irq(disco_vm *vm, uint32_t line, int32_t level)
{
    disco_irq_route_fn route;
    void *opaque;

    if (line >= DISCO_VM_IRQ_LINES)
        return DISCO_E_INVAL;
    lock_take(&vm->lock);
    vm->levels &= ~(UINT64_C(1) << line);
    vm->levels |= (uint64_t)(level != 0) << line;
    vm->irq_calls++;
    route = vm->route;
    opaque = vm->route_opaque;
    lock_give(&vm->lock);
    if (route)
        route(opaque, line, level);
    return 0;
}

uint64_t disco_vm_irq_levels(const disco_vm *vm)
{
    struct disco_vm *mutable = (struct disco_vm *)(uintptr_t)vm;
    uint64_t levels;

    lock_take(&mutable->lock);
    levels = vm->levels;
    lock_give(&mutable->lock);
    return levels;
}

disco_status disco_vcpu_set_irq(disco_vcpu *vcpu, uint32_t line, int32_t level)
{
    if (line >= 5)
        return DISCO_E_INVAL;
    lock_take(&vcpu->vm->lock);
    vcpu->irq[line] = level;
    vcpu->irq_calls++;
    lock_give(&vcpu->vm->lock);
    return 0;
}

/* --- vCPUs --------------------------------------------------------------- */

uint32_t disco_vcpu_index(const disco_vcpu *vcpu)
{
    return vcpu->index;
}

disco_vm *disco_vcpu_vm(disco_vcpu *vcpu)
{
    return vcpu->vm;
}

disco_status disco_vcpu_idle(disco_vcpu *vcpu)
{
    vcpu->idles++;
    return 0;
}

int32_t disco_vcpu_is_parked(const disco_vcpu *vcpu)
{
    return !vcpu->running;
}

disco_status disco_vcpu_start(disco_vcpu *vcpu, uint64_t pc)
{
    if (vcpu->running)
        return DISCO_E_STATE;
    vcpu->running = 1;
    vcpu->pc = pc;
    return 0;
}

static uint64_t *reg_slot(disco_vcpu *vcpu, uint64_t id)
{
    uint32_t index = id & 0xffff;

    if (index >= 32)
        return NULL;
    switch (id >> 16) {
    case DISCO_REG_CLASS_GPR:
        return &vcpu->gpr[index];
    case DISCO_REG_CLASS_CP0:
        return index == 7 ? NULL : &vcpu->cp0[index];
    default:
        return NULL;
    }
}

disco_status disco_vcpu_get_regs(disco_vcpu *vcpu, const uint64_t *ids,
                                 uint64_t *values, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint64_t *slot = reg_slot(vcpu, ids[i]);

        if (!slot)
            return DISCO_E_INVAL;
        values[i] = *slot;
    }
    return 0;
}

disco_status disco_vcpu_set_regs(disco_vcpu *vcpu, const uint64_t *ids,
                                 const uint64_t *values, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint64_t *slot = reg_slot(vcpu, ids[i]);

        if (!slot)
            return DISCO_E_INVAL;
        *slot = values[i];
    }
    return 0;
}

/* --- Time ---------------------------------------------------------------- */

uint64_t disco_vm_time_ns(const disco_vm *vm)
{
    return load_relaxed(&vm->now_ns);
}

disco_status disco_timer_create(disco_vm *vm, disco_timer_fn fn, void *opaque,
                                disco_timer **out)
{
    uint32_t i;

    if (load_relaxed(&vm->machine->fail_in) >= 0 &&
        sub_seq(&vm->machine->fail_in, 1) == 0)
        return DISCO_E_NOMEM;
    for (i = 0; i < FAKE_TIMERS; i++) {
        if (vm->timer[i])
            continue;
        vm->timer[i] = calloc(1, sizeof(**out));
        vm->timer[i]->vm = vm;
        vm->timer[i]->fn = fn;
        vm->timer[i]->opaque = opaque;
        vm->timer[i]->deadline_ns = UINT64_MAX;
        *out = vm->timer[i];
        return 0;
    }
    return DISCO_E_NOMEM;
}

void disco_timer_set(disco_timer *timer, uint64_t deadline_ns)
{
    store_relaxed(&timer->deadline_ns, deadline_ns);
}

void disco_timer_destroy(disco_timer *timer)
{
    uint32_t i;

    for (i = 0; timer && i < FAKE_TIMERS; i++) {
        if (timer->vm->timer[i] == timer) {
            timer->vm->timer[i] = NULL;
            free(timer);
            return;
        }
    }
}

void fake_advance(disco_vm *vm, uint64_t now_ns, int rounds)
{
    uint32_t i;

    store_relaxed(&vm->now_ns, now_ns);
    for (; rounds > 0; rounds--) {
        for (i = 0; i < FAKE_TIMERS; i++) {
            disco_timer *timer = vm->timer[i];

            if (!timer || load_relaxed(&timer->deadline_ns) > now_ns)
                continue;
            store_relaxed(&timer->deadline_ns, UINT64_MAX);
            timer->fn(timer->opaque, now_ns);
        }
    }
}

/* --- Memory -------------------------------------------------------------- */

static int in_ram(uint64_t gpa, uint64_t bytes)
{
    return gpa <= FAKE_RAM_BYTES && bytes <= FAKE_RAM_BYTES - gpa;
}

disco_status disco_mem_read(disco_vm *vm, uint64_t gpa, void *dst,
                            uint64_t bytes)
{
    if (!in_ram(gpa, bytes))
        return DISCO_E_FAULT;
    lock_take(&vm->lock);
    memcpy(dst, vm->ram + gpa, bytes);
    lock_give(&vm->lock);
    if (vm->after_read)
        vm->after_read(vm, gpa, bytes);
    return 0;
}

disco_status disco_mem_write(disco_vm *vm, uint64_t gpa, const void *src,
                             uint64_t bytes)
{
    if (!in_ram(gpa, bytes))
        return DISCO_E_FAULT;
    lock_take(&vm->lock);
    memcpy(vm->ram + gpa, src, bytes);
    lock_give(&vm->lock);
    return 0;
}

void fake_store16(disco_vm *vm, uint64_t gpa, uint16_t value)
{
    uint8_t raw[2];

    store_le16(raw, value);
    if (disco_mem_write(vm, gpa, raw, sizeof(raw)))
        abort();
}

void fake_store32(disco_vm *vm, uint64_t gpa, uint32_t value)
{
    uint8_t raw[4];

    store_le32(raw, value);
    if (disco_mem_write(vm, gpa, raw, sizeof(raw)))
        abort();
}

void fake_store64(disco_vm *vm, uint64_t gpa, uint64_t value)
{
    uint8_t raw[8];

    store_le64(raw, value);
    if (disco_mem_write(vm, gpa, raw, sizeof(raw)))
        abort();
}

static void load(disco_vm *vm, uint64_t gpa, uint8_t *raw, uint64_t bytes)
{
    if (!in_ram(gpa, bytes))
        abort();
    lock_take(&vm->lock);
    memcpy(raw, vm->ram + gpa, bytes);
    lock_give(&vm->lock);
}

uint8_t fake_load8(disco_vm *vm, uint64_t gpa)
{
    uint8_t raw[1];

    load(vm, gpa, raw, sizeof(raw));
    return raw[0];
}

uint16_t fake_load16(disco_vm *vm, uint64_t gpa)
{
    uint8_t raw[2];

    load(vm, gpa, raw, sizeof(raw));
    return load_le16(raw);
}

uint32_t fake_load32(disco_vm *vm, uint64_t gpa)
{
    uint8_t raw[4];

    load(vm, gpa, raw, sizeof(raw));
    return load_le32(raw);
}

/* --- Shared pages: a count and a copy ------------------------------------- */

struct fake_page {
    uint32_t refs;
    uint8_t bytes[DISCO_PAGE_BYTES];
};

static struct fake_page *page_of(disco_page page)
{
    struct fake_page *p = (struct fake_page *)(uintptr_t)page.name;

    if (!p || load_relaxed(&p->refs) == 0)
        abort();
    return p;
}

disco_status disco_page_create(disco_machine *machine, uint32_t node,
                               const void *data, disco_page *out)
{
    struct fake_page *p = calloc(1, sizeof(*p));

    (void)node;
    p->refs = 1;
    if (data)
        memcpy(p->bytes, data, sizeof(p->bytes));
    add_relaxed(&machine->live_pages, 1);
    out->name = (uintptr_t)p;
    return 0;
}

static disco_status page_refused(disco_vm *vm, uint64_t gpa)
{
    if (gpa % DISCO_PAGE_BYTES)
        return DISCO_E_INVAL;
    if (!in_ram(gpa, DISCO_PAGE_BYTES))
        return DISCO_E_FAULT;
    return vm->pinned_gpa && vm->pinned_gpa == gpa ? DISCO_E_BUSY : 0;
}

disco_status disco_page_take(disco_vm *vm, uint64_t gpa, disco_page *out)
{
    disco_status status = page_refused(vm, gpa);

    if (status)
        return status;
    lock_take(&vm->lock);
    status = disco_page_create(vm->machine, 0, vm->ram + gpa, out);
    vm->pages_taken++;
    lock_give(&vm->lock);
    return status;
}

disco_status disco_vm_mark_pages(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                                 uint32_t kind)
{
    (void)vm;
    (void)gpa;
    (void)bytes;
    return kind == DISCO_KIND_BUFFER ? 0 : DISCO_E_INVAL;
}

disco_status disco_page_map(disco_vm *vm, uint64_t gpa, disco_page page)
{
    disco_status status = page_refused(vm, gpa);

    if (status)
        return status;
    lock_take(&vm->lock);
    memcpy(vm->ram + gpa, page_of(page)->bytes, DISCO_PAGE_BYTES);
    vm->pages_mapped++;
    lock_give(&vm->lock);
    return 0;
}

disco_status disco_page_read(disco_machine *machine, disco_page page,
                             uint32_t offset_bytes, void *dst, uint32_t bytes)
{
    (void)machine;
    memcpy(dst, page_of(page)->bytes + offset_bytes, bytes);
    return 0;
}

disco_status disco_page_hold(disco_machine *machine, disco_page page)
{
    add_relaxed(&page_of(page)->refs, 1);
    add_relaxed(&machine->live_pages, 1);
    return 0;
}

disco_status disco_page_drop(disco_machine *machine, disco_page page)
{
    struct fake_page *p = page_of(page);

    add_relaxed(&machine->live_pages, -1);
    if (sub_seq(&p->refs, 1) == 1)
        free(p);
    return 0;
}

/* --- Registers ----------------------------------------------------------- */

disco_status disco_vm_map_mmio(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                               const char *key, const disco_mmio_ops *ops,
                               void *opaque, disco_region **out)
{
    struct disco_region *region = &vm->region[vm->nregions];

    if (vm->nregions == FAKE_REGIONS || vm->refuse_map)
        return DISCO_E_EXISTS;
    region->gpa = gpa;
    region->bytes = bytes;
    region->ops = *ops;
    region->opaque = opaque;
    snprintf(region->key, sizeof(region->key), "%s", key);
    vm->nregions++;
    if (out)
        *out = region;
    return 0;
}

static struct disco_region *find_region(disco_vm *vm, uint64_t gpa,
                                        uint32_t bytes)
{
    uint32_t i;

    for (i = 0; i < vm->nregions; i++) {
        struct disco_region *region = &vm->region[i];

        if (gpa >= region->gpa && gpa - region->gpa < region->bytes &&
            bytes <= region->bytes - (gpa - region->gpa))
            return region;
    }
    return NULL;
}

disco_status fake_try_read(disco_vm *vm, uint32_t cpu, uint64_t gpa,
                           uint32_t bytes, uint64_t *value)
{
    struct disco_region *region = find_region(vm, gpa, bytes);
    disco_mmio_access access = { disco_vm_vcpu(vm, cpu), 0, bytes, 0 };

    if (!region || !region->ops.read)
        return DISCO_E_FAULT;
    access.offset = gpa - region->gpa;
    return region->ops.read(region->opaque, &access, value);
}

disco_status fake_try_write(disco_vm *vm, uint32_t cpu, uint64_t gpa,
                            uint32_t bytes, uint64_t value)
{
    struct disco_region *region = find_region(vm, gpa, bytes);
    disco_mmio_access access = { disco_vm_vcpu(vm, cpu), 0, bytes, 0 };

    if (!region || !region->ops.write)
        return DISCO_E_FAULT;
    access.offset = gpa - region->gpa;
    return region->ops.write(region->opaque, &access, value);
}

uint64_t fake_read(disco_vm *vm, uint32_t cpu, uint64_t gpa, uint32_t bytes)
{
    uint64_t value = UINT64_C(0xdeaddeaddeaddead);

    if (fake_try_read(vm, cpu, gpa, bytes, &value))
        abort();
    return value;
}

void fake_write(disco_vm *vm, uint32_t cpu, uint64_t gpa, uint32_t bytes,
                uint64_t value)
{
    if (fake_try_write(vm, cpu, gpa, bytes, value))
        abort();
}
