/*
 * guest_test.h - what the test programs of guests have in common: cmocka, the
 * folder of built guests (first argument), the engine ("interp" as the second
 * one, else the best there is), and a run that must end well.
 */
#ifndef TESTS_GUEST_TEST_H
#define TESTS_GUEST_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "harness.h"

static const char *guests_folder;
static uint32_t guests_engine; /* DISCO_ENGINE_* */
static struct guest_result results[HARNESS_VMS];

/* Run it; every VM must end with status 0.  Says what the guest said if not. */
static void __attribute__((unused)) run_well(const struct guest_config *config)
{
    const char *error =
        guest_run(guests_folder, guests_engine, config, results);
    uint32_t vms = config->vms ? config->vms : 1;
    int bad = error != NULL;

    for (uint32_t i = 0; i < vms; i++)
        bad |= !results[i].ended || results[i].status != 0;
    if (!bad)
        return;
    fprintf(stderr, "%s, %u CPUs, mode %u, quantum %u: %s\n", config->name,
            config->cpus, config->mode, (unsigned)config->quantum,
            error ? error : "the guest reports failures");
    for (uint32_t i = 0; i < vms; i++)
        fprintf(stderr, "--- console of VM %u, status %u:\n%s\n", i,
                results[i].status, results[i].console);
    fail();
}

enum { SKIPPED = 77 };

/* Without a device tree guests know one CPU, little memory and no options. */
static int __attribute__((unused)) have_device_tree(void)
{
    return disco_cap(DISCO_CAP_DEVICE_TREE) != 0;
}

/* Take the folder from the command line; 0 when it is there. */
static int take_folder(int argc, char **argv)
{
    if (argc != 2 && (argc != 3 || strcmp(argv[2], "interp") != 0)) {
        fprintf(stderr, "usage: %s GUESTS-FOLDER [interp]\n", argv[0]);
        return -1;
    }
    guests_folder = argv[1];
    guests_engine = argc == 3 ? DISCO_ENGINE_INTERP : DISCO_ENGINE_BEST;
    return 0;
}
#endif
