/*
 * options.h - the command line of disco-run.
 */
#ifndef DISCO_RUN_OPTIONS_H
#define DISCO_RUN_OPTIONS_H

#include <stdint.h>

#include <disco/disco.h>

#include <disco/disco.h>

/* Exit statuses of disco-run itself. */
enum { EXIT_LIMIT = 124, EXIT_FAILED = 125 };

enum { DISKS_MAX = 24, NETS_MAX = 24 };

struct disk_option {
    char *path;    /* may hold %v */
    uint32_t mode; /* DISCO_DISK_* */
};

struct policy_option {
    int is_on;
    char name[16];
    disco_policy_params params;    /* 0: defaults */
    disco_placement_config config; /* but for policy and params */
};

struct options {
    uint32_t vms;
    uint32_t cpus;
    uint64_t memory_bytes;
    uint32_t nodes; /* the topology's, if there is one */
    int has_nodes;
    int has_topology;
    disco_topology topology;
    const char *append;
    const char *initrd;
    struct disk_option disk[DISKS_MAX];
    uint32_t disks;
    uint64_t cache_bytes;      /* as in disco_machine_config; 0 = default */
    uint32_t nets;             /* NICs of every VM, all on one subnet */
    uint32_t net_mtu;          /* told to the guests */
    const char *pcap;          /* file that records the subnet, or NULL */
    uint32_t mode;             /* DISCO_MODE_* */
    uint32_t engine;           /* DISCO_ENGINE_* */
    uint64_t code_cache_bytes; /* as in disco_machine_config; 0 = default */
    uint32_t translate_at_run; /* ... the same */
    uint32_t l2tlb;
    uint32_t threads;
    uint32_t memory_order;
    int is_deterministic;
    uint64_t seed;
    const char *cpu_model; /* NULL = default */
    uint32_t order;        /* DISCO_BIG, DISCO_LITTLE, 0 = from the ELF */
    uint64_t max_insns;    /* 0 = no limit */
    double timeout_s;      /* 0 = no limit */
    struct policy_option policy;
    const char *stats;
    int is_perf_map;
    const char *dump_code; /* file that code is dumped to, or NULL */
    uint32_t console_vm;
    int console_is_virtio; /* stdin goes to a virtio console, not the UART */
    int is_quiet;
    int wants_rng;
    int wants_help;
    int wants_model;
    disco_model_config model;
    const char *kernel;
};

/*
 * Parse argv; strings in `options` are borrowed from it, but for disk paths.
 * 0, or -1 with one line in `text`.
 */
int options_parse(struct options *options, int argc, char **argv, char *text,
                  uint32_t text_bytes);
void options_free(struct options *options);

/* The text of --help. */
const char *options_help(void);

/* `path` with every %v replaced by the VM's number; malloc'ed, or NULL. */
char *options_path_of_vm(const char *path, uint32_t vm);

#endif
