/*
 * image.c - see image.h; the public functions of images.
 */
#include "core/image.h"

#include <string.h>

#include "base/config.h"

static disco_status image_fail(disco_machine *machine, disco_status status,
                               const char *why)
{
    return context_fail(&machine->ctx, status, 0, "image: %s", why);
}

/* Lock held. */
static struct disco_image *find(struct disco_machine *m,
                                const struct rawfile_id *id)
{
    struct disco_image *image;

    if (!id->is_set)
        return NULL;
    for (image = m->images; image; image = image->next)
        if (image->id.is_set && image->id.is_device == id->is_device &&
            image->id.device == id->device && image->id.inode == id->inode)
            return image;
    return NULL;
}

/* `source` is taken, or stays the caller's when this fails. */
static disco_status image_make(struct disco_machine *m,
                               const disco_block_backend *source,
                               const struct rawfile_id *id,
                               struct disco_image **out)
{
    struct disco_image *image = alloc_zeroed(&m->ctx.alloc, sizeof(*image));
    struct disco_image *same;

    if (!image)
        return image_fail(m, DISCO_E_NOMEM, "no host memory");
    image->machine = m;
    image->refs = 1;
    image->id = *id;
    image->source = *source;
    lock_take(&m->lock);
    same = find(m, id);
    if (same) {
        same->refs++;
    } else {
        image->number = CACHE_IMAGE_FIRST + m->image_serial++;
        image->next = m->images;
        m->images = image;
    }
    lock_give(&m->lock);
    if (!same) {
        add_relaxed(&m->ctx.users, 1);
        *out = image;
        return 0;
    }
    alloc_free(&m->ctx.alloc, image, sizeof(*image));
    if (source->release)
        source->release(source->opaque);
    *out = same;
    return 0;
}

/* The same file is open as an image: no second descriptor is needed. */
static struct disco_image *open_already(struct disco_machine *m,
                                        const char *path)
{
    struct rawfile_id id = { 0 };
    struct disco_image *same;

    rawfile_identify(path, &id);
    lock_take(&m->lock);
    same = find(m, &id);
    if (same)
        same->refs++;
    lock_give(&m->lock);
    return same;
}

disco_status disco_image_open(disco_machine *machine, const char *path,
                              disco_image **out)
{
    struct rawfile_id id = { 0 };
    disco_block_backend source;
    disco_status status;

    if (!machine || !path || !out)
        return DISCO_E_INVAL;
    *out = open_already(machine, path);
    if (*out)
        return 0;
    status = rawfile_open_shared(machine, path, &source, &id);
    if (status)
        return status;
    status = image_make(machine, &source, &id, out);
    if (status)
        source.release(source.opaque);
    return status;
}

disco_status disco_image_open_backend(disco_machine *machine,
                                      const disco_block_backend *be,
                                      disco_image **out)
{
    struct rawfile_id id = { 0 };
    disco_block_backend source;
    disco_status status;

    if (!machine || !be || !out)
        return DISCO_E_INVAL;
    status = config_copy(&source, sizeof(source), be);
    if (status)
        return status;
    if (!source.submit || source.bytes % 512 != 0 || source.bytes == 0)
        return image_fail(machine, DISCO_E_INVAL,
                          "back end without submit, or of no whole sectors");
    return image_make(machine, &source, &id, out);
}

void image_hold(struct disco_image *image)
{
    lock_take(&image->machine->lock);
    image->refs++;
    lock_give(&image->machine->lock);
}

/* Lock held. */
static void unlink_image(struct disco_image *image)
{
    struct disco_image **link = &image->machine->images;

    while (*link != image)
        link = &(*link)->next;
    *link = image->next;
}

void disco_image_close(disco_image *image)
{
    struct disco_machine *m;
    uint32_t left;

    if (!image)
        return;
    m = image->machine;
    lock_take(&m->lock);
    left = --image->refs;
    if (!left)
        unlink_image(image);
    lock_give(&m->lock);
    if (left)
        return;
    cache_drop(&m->cache, image->number, 0, UINT64_MAX);
    if (image->source.release)
        image->source.release(image->source.opaque);
    alloc_free(&m->ctx.alloc, image, sizeof(*image));
    add_relaxed(&m->ctx.users, (uint32_t)-1);
}

uint64_t disco_image_bytes(const disco_image *image)
{
    return image ? image->source.bytes : 0;
}

/* Lock held. */
static disco_status claim_exclusive(struct disco_image *image)
{
    if (image->source.flags & DISCO_BLOCK_READONLY)
        return DISCO_E_PERM;
    if (image->disks || image->is_written)
        return DISCO_E_BUSY;
    if (rawfile_is(&image->source) &&
        rawfile_relock(image->source.opaque, 1) != 0)
        return DISCO_E_BUSY;
    image->is_written = 1;
    return 0;
}

disco_status image_claim(struct disco_image *image, uint32_t mode)
{
    struct disco_machine *m = image->machine;
    disco_status status = 0;

    lock_take(&m->lock);
    if (mode == DISCO_DISK_EXCLUSIVE)
        status = claim_exclusive(image);
    else if (image->is_written)
        status = DISCO_E_BUSY;
    else
        image->disks++;
    lock_give(&m->lock);
    if (status == DISCO_E_PERM)
        return image_fail(m, status, "it can only be read");
    if (status)
        return image_fail(m, status,
                          "in use by another disk or by another process");
    return 0;
}

void image_unclaim(struct disco_image *image, uint32_t mode)
{
    struct disco_machine *m = image->machine;

    lock_take(&m->lock);
    if (mode != DISCO_DISK_EXCLUSIVE) {
        image->disks--;
    } else {
        image->is_written = 0;
        if (rawfile_is(&image->source))
            rawfile_relock(image->source.opaque, 0);
    }
    lock_give(&m->lock);
}
