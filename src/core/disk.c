/*
 * disk.c - disks over images: opening, modes, modifications, figures.  What a
 * request does is in disk_op.c.
 */
#include "core/disk.h"

#include <string.h>

#include "base/config.h"

/* --- Modifications ------------------------------------------------------ */

static struct tree_key mod_key(uint64_t block)
{
    struct tree_key key = { 0, block };

    return key;
}

static struct disk_mod *mod_of(struct tree_node *node)
{
    return (struct disk_mod *)(void *)node;
}

static void mod_free(struct disk *disk, struct disk_mod *mod)
{
    keep_drop(&disk->machine->mem, &mod->mfn);
    alloc_free(&disk->machine->ctx.alloc, mod, sizeof(*mod));
    add_relaxed(&disk->machine->disk_figures.private_blocks, (uint64_t)-1);
}

int disk_mod_hold(struct disk *disk, uint64_t block, struct mfn *mfn)
{
    struct tree_node *node;

    if (disk->mode != DISCO_DISK_COW)
        return 0;
    lock_take(&disk->lock);
    node = tree_find(&disk->mods, mod_key(block));
    if (node)
        *mfn = keep_hold(&disk->machine->mem, &mod_of(node)->mfn);
    lock_give(&disk->lock);
    return node != NULL;
}

struct mfn disk_mod_instead(struct disk *disk, uint64_t block, struct mfn mfn)
{
    struct mfn mod;

    if (!disk->is_snapshot || !disk_mod_hold(disk, block, &mod))
        return mfn;
    share_drop(&disk->machine->mem, mfn);
    return mod;
}

/* Lock held. */
static int is_expected(const struct disk *disk, uint64_t block,
                       const struct mfn *expected)
{
    struct tree_node *node = tree_find(&disk->mods, mod_key(block));

    if (!expected)
        return 1;
    /* Who expects a frame holds it, so that it has not moved. */
    return node ? mod_of(node)->mfn.n == expected->n
                : expected->n == DISK_NO_MOD;
}

disco_status disk_mod_put(struct disk *disk, uint64_t block, struct mfn mfn,
                          const struct mfn *expected)
{
    struct mem *mem = &disk->machine->mem;
    struct tree_node *old = NULL;
    struct disk_mod *mod;
    int ok;

    mod = alloc_zeroed(&disk->machine->ctx.alloc, sizeof(*mod));
    if (!mod)
        return DISCO_E_NOMEM;
    mod->node.key = mod_key(block);
    lock_take(&disk->lock);
    ok = is_expected(disk, block, expected);
    if (ok) {
        old = tree_remove(&disk->mods, mod->node.key);
        keep_set(mem, &mod->mfn, mfn);
        tree_insert(&disk->mods, &mod->node);
    }
    lock_give(&disk->lock);
    if (!ok) {
        alloc_free(&disk->machine->ctx.alloc, mod, sizeof(*mod));
        return DISCO_E_BUSY;
    }
    add_relaxed(&disk->machine->disk_figures.private_blocks, 1);
    if (old)
        mod_free(disk, mod_of(old));
    return 0;
}

/* --- Opening and closing ------------------------------------------------ */

/* The device is gone: nobody else uses the disk. */
static void disk_release(void *opaque)
{
    struct disk *disk = opaque;
    struct disco_image *image = disk->image;

    while (disk->mods.root)
        mod_free(disk, mod_of(tree_remove(&disk->mods, disk->mods.root->key)));
    lock_destroy(&disk->lock);
    alloc_free(&disk->machine->ctx.alloc, disk, sizeof(*disk));
    disco_image_close(image);
}

static void disk_close(void *opaque)
{
    struct disk *disk = opaque;

    if (disk->is_snapshot)
        snapshot_remove(disk);
    else
        image_unclaim(disk->image, disk->mode);
    disk_release(disk);
}

static void disk_account(void *opaque, const disco_block_account *account)
{
    struct disk *disk = opaque;
    struct disk_figures *f = &disk->machine->disk_figures;
    disco_block_account a;

    if (config_copy(&a, sizeof(a), account))
        return;
    add_relaxed(&f->mapped_bytes, a.mapped_bytes);
    add_relaxed(&f->copied_unaligned_bytes, a.copied_unaligned_bytes);
    add_relaxed(&f->copied_short_bytes, a.copied_short_bytes);
    add_relaxed(&f->copied_refused_bytes, a.copied_refused_bytes);
}

static disco_status disk_fail(struct disco_image *image, disco_status status,
                              uint64_t where, const char *why)
{
    return context_fail(&image->machine->ctx, status, where, "disk: %s", why);
}

static disco_status check_config(struct disco_image *image,
                                 const disco_disk_config *c)
{
    if (c->mode < DISCO_DISK_READONLY || c->mode > DISCO_DISK_EXCLUSIVE)
        return disk_fail(image, DISCO_E_INVAL, c->mode, "unknown mode");
    if (c->node >= image->machine->topology.nodes || c->reserved)
        return disk_fail(image, DISCO_E_INVAL, c->node, "no such node");
    if (c->overlay)
        return disk_fail(image, DISCO_E_UNSUPPORTED, 0,
                         "a file for the writes of a copy-on-write disk is "
                         "unsupported");
    return 0;
}

static struct disk *disk_new(struct disco_image *image,
                             const disco_disk_config *c)
{
    struct disco_machine *m = image->machine;
    struct disk *disk = alloc_zeroed(&m->ctx.alloc, sizeof(*disk));

    if (disk && lock_init(&disk->lock)) {
        alloc_free(&m->ctx.alloc, disk, sizeof(*disk));
        disk = NULL;
    }
    if (!disk)
        return NULL;
    disk->machine = m;
    disk->image = image;
    disk->mode = c->mode;
    disk->node = c->node;
    image_hold(image);
    return disk;
}

static uint32_t mode_flags(uint32_t mode)
{
    if (mode == DISCO_DISK_READONLY)
        return DISCO_BLOCK_READONLY | DISCO_BLOCK_PAGE_READS;
    if (mode == DISCO_DISK_COW)
        return DISCO_BLOCK_PAGE_READS | DISCO_BLOCK_PAGE_WRITES;
    return DISCO_BLOCK_PAGE_READS;
}

static disco_status disk_fork(void *opaque, disco_vm *child,
                              disco_block_backend *out);

/* The disk belongs to the back end; on failure it is gone. */
static disco_status give_backend(struct disk *disk, disco_block_backend *out)
{
    disco_block_backend be = {
        .size = sizeof(be),
        .flags = mode_flags(disk->mode),
        .bytes = disk->image->source.bytes,
        .opaque = disk,
        .submit = disk_submit,
        .release = disk_close,
        .account = disk_account,
        .fork = disk_fork,
    };
    disco_status status = config_give(out, &be, sizeof(be));

    if (status)
        disk_close(disk);
    return status;
}

static disco_status disk_make(struct disco_image *image,
                              const disco_disk_config *c, struct disk **out)
{
    struct disk *disk = disk_new(image, c);
    disco_status status;

    if (!disk)
        return disk_fail(image, DISCO_E_NOMEM, 0, "no host memory");
    status = image_claim(image, c->mode);
    if (status)
        disk_release(disk);
    else
        *out = disk;
    return status;
}

disco_status disco_disk_open(disco_image *image,
                             const disco_disk_config *config,
                             disco_block_backend *out)
{
    disco_disk_config c;
    struct disk *disk;
    disco_status status;

    if (!image || !config || !out)
        return DISCO_E_INVAL;
    status = config_copy(&c, sizeof(c), config);
    if (!status)
        status = check_config(image, &c);
    if (!status)
        status = disk_make(image, &c, &disk);
    return status ? status : give_backend(disk, out);
}

/* --- Forks --------------------------------------------------------------- */

/* The first modification at or after the block, with a reference: 1, or 0. */
static int next_mod(struct disk *disk, uint64_t *block, struct mfn *mfn)
{
    struct tree_node *node;

    lock_take(&disk->lock);
    node = tree_at_least(&disk->mods, mod_key(*block));
    if (node) {
        *block = node->key.block;
        *mfn = keep_hold(&disk->machine->mem, &mod_of(node)->mfn);
    }
    lock_give(&disk->lock);
    return node != NULL;
}

/*
 * A disk that shows what this one shows now.  Of an exclusive one, which goes
 * on to write the image, and of what came from such, it is a snapshot.
 */
static disco_status disk_copy(struct disk *disk, struct disk **out)
{
    disco_disk_config c = { .mode = disk->mode, .node = disk->node };

    if (disk->mode != DISCO_DISK_EXCLUSIVE && !disk->is_snapshot)
        return disk_make(disk->image, &c, out);
    c.mode = DISCO_DISK_COW;
    *out = disk_new(disk->image, &c);
    if (!*out)
        return disk_fail(disk->image, DISCO_E_NOMEM, 0, "no host memory");
    snapshot_add(*out);
    return 0;
}

/* The same changes, whose frames both share. */
static disco_status disk_fork(void *opaque, disco_vm *child,
                              disco_block_backend *out)
{
    struct disk *disk = opaque, *copy;
    disco_status status = disk_copy(disk, &copy);
    uint64_t block = 0;
    struct mfn mfn;

    (void)child;
    if (status)
        return status;
    while (!status && next_mod(disk, &block, &mfn)) {
        /* Over what the image's writer may have put there meanwhile. */
        status = disk_mod_put(copy, block++, mfn, NULL);
        if (status)
            share_drop(&disk->machine->mem, mfn);
    }
    if (status) {
        disk_close(copy);
        return status;
    }
    return give_backend(copy, out);
}

/* --- Figures ------------------------------------------------------------ */

static uint32_t count_images(struct disco_machine *m)
{
    const struct disco_image *image;
    uint32_t n = 0;

    lock_take(&m->lock);
    for (image = m->images; image; image = image->next)
        n++;
    lock_give(&m->lock);
    return n;
}

disco_status disco_cache_stats_get(disco_machine *machine,
                                   disco_cache_stats *out)
{
    const struct disk_figures *f;
    struct cache_stats c;
    disco_cache_stats s;

    if (!machine || !out)
        return DISCO_E_INVAL;
    memset(&s, 0, sizeof(s));
    f = &machine->disk_figures;
    cache_stats_get(&machine->cache, &c, &s.blocks);
    s.images = count_images(machine);
    s.limit_blocks = machine->cache.limit;
    s.hits = c.hits;
    s.misses = c.misses;
    s.waits = c.waits;
    s.evictions = c.evictions;
    s.read_blocks = load_relaxed(&f->read_blocks);
    s.private_blocks = load_relaxed(&f->private_blocks);
    s.mapped_bytes = load_relaxed(&f->mapped_bytes);
    s.copied_unaligned_bytes = load_relaxed(&f->copied_unaligned_bytes);
    s.copied_short_bytes = load_relaxed(&f->copied_short_bytes);
    s.copied_refused_bytes = load_relaxed(&f->copied_refused_bytes);
    return config_give(out, &s, sizeof(s));
}
