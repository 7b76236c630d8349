/*
 * space.c - address spaces of user programs: two-level page tables of EntryLo
 * values, filled on demand.  Text is shared and read-only; heap and stack
 * start as one zero page that a store replaces.
 */
#include "kernel.h"

#define FLAGS       (LO_CACHED | LO_V)
#define TABLE_BYTES (512 * PAGE)

/* Head of the user image: where its parts begin, as user addresses. */
struct user_head {
    uint64_t entry;
    uint64_t data;      /* first page of data */
    uint64_t image_end; /* end of what the image holds */
    uint64_t bss_end;
};

static void *zero_page;
static uint32_t zero_lock;

static const struct user_head *head(void)
{
    return (const struct user_head *)(uintptr_t)user_image;
}

static void *shared_zero(void)
{
    spin_lock(&zero_lock);
    if (!zero_page)
        zero_page = page_alloc();
    spin_unlock(&zero_lock);
    return zero_page;
}

static uint64_t page_entry(const void *page, uint64_t flags)
{
    return LO_PFN(ptr_phys(page)) | flags;
}

static void *entry_page(uint64_t entry)
{
    return phys_ptr(entry >> 6 << 12);
}

/* Place of the entry of `va`; with make, its table is made when missing. */
static uint64_t *find_entry(struct space *s, uint64_t va, int make)
{
    uint64_t **table = &s->tables[va / TABLE_BYTES];

    if (!*table && make)
        *table = page_alloc();
    return *table ? *table + va / PAGE % 512 : NULL;
}

/* A page of the space's own, D set: that is how space_clear knows it. */
static uint64_t private_page(struct space *s, const void *content,
                             uint64_t bytes)
{
    void *page = page_alloc();

    if (!page)
        return 0;
    memcpy(page, content, bytes);
    s->pages++;
    return page_entry(page, FLAGS | LO_D);
}

/* What `va` should be mapped to; 0 when it may not be used like that. */
static uint64_t image_entry(struct space *s, uint64_t va, int write)
{
    const struct user_head *h = head();
    uint64_t page = va & ~(PAGE - 1);
    const char *content = user_image + (page - USER_TEXT);
    uint64_t bytes = 0;

    if (page < h->data)
        return write ? 0 : page_entry(content, FLAGS);
    if (page < h->image_end)
        bytes = h->image_end - page < PAGE ? h->image_end - page : PAGE;
    return private_page(s, content, bytes);
}

/* Make the CPU forget what it has for `va` and take the table's entries. */
static void refresh(struct space *s, uint64_t va)
{
    const uint64_t *pair = find_entry(s, va & ~(2 * PAGE - 1), 0);

    wr_entryhi((va & ~(2 * PAGE - 1)) | s->asid);
    tlb_probe();
    wr_entrylo0(pair[0]);
    wr_entrylo1(pair[1]);
    if (rd_index() >> 31)
        tlb_write_random();
    else
        tlb_write_indexed();
}

int space_fault(struct space *s, uint64_t va, int write)
{
    uint64_t *entry, made = 0;
    void *zero = shared_zero();

    if (va >= USER_END)
        return -1;
    entry = find_entry(s, va, 1);
    if (!entry || !zero)
        return -1;
    if (*entry & (write ? LO_D : LO_V)) {
        refresh(s, va); /* the CPU had an older entry */
        return 0;
    }
    if (va >= USER_TEXT && va < head()->bss_end)
        made = image_entry(s, va, write);
    else if ((va >= USER_HEAP && va < USER_HEAP + HEAP_BYTES) ||
             (va >= USER_STACK - STACK_BYTES && va < USER_STACK))
        made = write ? private_page(s, zero, 0) : page_entry(zero, FLAGS);
    if (!made)
        return -1;
    *entry = made;
    this_cpu()->faults++;
    refresh(s, va);
    return 0;
}

void space_drop(struct space *s, uint64_t va, uint64_t bytes)
{
    for (uint64_t at = va; at < va + bytes; at += PAGE) {
        uint64_t *entry = find_entry(s, at, 0);
        uint64_t old = entry ? *entry : 0;

        if (!old)
            continue;
        *entry = 0;
        refresh(s, at);
        if (old & LO_D) {
            page_free(entry_page(old));
            s->pages--;
        }
    }
}

void space_clear(struct space *s)
{
    for (uint32_t i = 0; i < 512; i++) {
        if (!s->tables[i])
            continue;
        for (uint32_t k = 0; k < 512; k++)
            if (s->tables[i][k] & LO_D)
                page_free(entry_page(s->tables[i][k]));
        page_free(s->tables[i]);
        s->tables[i] = NULL;
    }
    s->pages = 0;
}

/* A fresh address space number; when they run out the TLB is emptied. */
static uint32_t next_asid(void)
{
    struct cpu *c = this_cpu();

    if (++c->next_asid >= ASID_LIMIT) {
        for (uint32_t i = rd_wired(); i < TLB_ENTRIES; i++)
            tlb_clear(i);
        c->next_asid = 1;
    }
    return c->next_asid;
}

void space_use(struct space *s)
{
    cpu_tables[cpu_self()] = s ? (uint64_t *)s->tables : NULL;
    if (s && !s->asid)
        s->asid = next_asid();
    wr_entryhi(s ? s->asid : 0);
}
