/*
 * options.c - parse the command line of disco-run.
 *
 * Long options only, value in the next argument or after `=`, options and
 * kernel in any order.  Reads nothing but argv; opens no file.
 */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <disco/disco.h>

#include "option_rows.h"

const char *options_help(void)
{
    return "usage: disco-run [options] KERNEL.elf\n"
           "\n"
           "Run a MIPS kernel on virtual R10000 CPUs.\n"
           "\n"
           "  --vms N               virtual machines (1)\n"
           "  --cpus N              vCPUs a VM (1)\n"
           "  --memory SIZE         memory a VM: K, M, G (256M)\n"
           "  --nodes N             nodes of the machine (1)\n"
           "  --topology TEXT       nodes, their CPUs and memory, instead: "
           "hwloc's\n"
           "                        synthetic text, as "
           "\"NUMANode:4(memory=64MB) "
           "PU:2\"\n"
           "  --append STR          kernel command line\n"
           "  --initrd FILE         initial RAM disk\n"
           "  --disk FILE[,cow][,ro]\n"
           "                        disk image, repeatable; %v in a name is "
           "the\n"
           "                        VM's number; cow: writes are the VM's own\n"
           "                        and gone at the end\n"
           "  --cache SIZE          memory for disk blocks (an eighth of all)\n"
           "  --code-cache SIZE     host memory for translated code (32M)\n"
           "  --translate-at N      runs of a block until it is translated "
           "(5)\n"
           "  --net none|subnet[,mtu=N]\n"
           "                        network card, repeatable; a subnet joins\n"
           "                        all VMs (none; the MTU is 65520)\n"
           "  --pcap FILE           record the subnet, for tcpdump\n"
           "  --rng                 entropy device\n"
           "  --engine interp|jit   how to execute (the best present)\n"
           "  --mode exact|disco    bare CPU, or deprivileged kernel (exact)\n"
           "  --l2tlb on|off        second-level TLB (on in disco mode)\n"
           "  --threads N           host threads that run vCPUs (1)\n"
           "  --memory-order sc|tso between vCPUs on several threads (sc)\n"
           "  --deterministic       repeat to the bit; stdin is not read\n"
           "  --seed N              of every random decision (0)\n"
           "  --cpu-model NAME      (R10000)\n"
           "  --endian auto|big|little\n"
           "                        byte order (auto: from the ELF file)\n"
           "  --model none|ccnuma[,KEY=VALUE...]\n"
           "                        cost model (none); the keys: "
           "docs/model.md\n"
           "  --policy NAME[,key=value...]\n"
           "                        where pages are: none, firsttouch, "
           "roundrobin,\n"
           "                        disco; keys are trigger, sharing, write, "
           "migrate,\n"
           "                        freeze, thaw, reset-ms, sample, weight, "
           "pages,\n"
           "                        budget, rate\n"
           "  --max-insns N         stop a VM when one vCPU ran N "
           "instructions\n"
           "  --timeout SEC         stop after SEC host seconds\n"
           "  --stats FILE.json     write figures at the end\n"
           "  --perf-map            write /tmp/perf-PID.map, for perf\n"
           "  --dump-code FILE      write translated code, for "
           "scripts/code.py\n"
           "  --console uart|virtio device that gets stdin (uart); Linux "
           "calls a\n"
           "                        virtio console hvc0\n"
           "  --console-vm K        the VM that gets stdin (0)\n"
           "  --quiet               nothing on stderr but errors\n"
           "  --help                this text\n"
           "\n"
           "The console is on stdout.  On a terminal, Ctrl-A x quits.\n"
           "Exit status: that of VM 0, or else of the lowest-numbered VM "
           "whose\n"
           "status is not 0; 124 on a time or instruction limit; 125 when\n"
           "disco-run fails or all vCPUs wait for ever.\n";
}

/* One option at argv[*at]; moves *at past it. */
static int parse_option(struct parser *p, int argc, char **argv, int *at)
{
    const char *arg = argv[(*at)++];
    size_t bytes = strcspn(arg, "=");
    const struct option_row *row = option_find(arg, bytes);

    if (!row)
        return option_fail(p, "unknown option %s (see --help)", arg);
    p->name = row->name;
    p->value = arg[bytes] == '=' ? arg + bytes + 1 : NULL;
    if (!row->takes_value && p->value)
        return option_fail(p, "%s takes no value", p->name);
    if (row->takes_value && !p->value) {
        if (*at >= argc)
            return option_fail(p, "%s needs a value", p->name);
        p->value = argv[(*at)++];
    }
    return row->set(p);
}

/* What options say together. */
static int check(struct parser *p)
{
    const struct options *o = p->options;
    uint32_t extra = (o->wants_rng != 0) + (o->console_is_virtio != 0);

    if (!o->kernel)
        return option_fail(p, "no kernel given (see --help)");
    if (o->console_vm >= o->vms)
        return option_fail(p, "--console-vm %u: there are %u VMs",
                           o->console_vm, o->vms);
    if (o->wants_model && o->threads > 1)
        return option_fail(p, "--threads %u: a modelled machine has one thread",
                           o->threads);
    if (o->is_deterministic && o->threads > 1)
        return option_fail(
            p, "--threads %u: a deterministic run has one thread", o->threads);
    if (o->has_nodes && o->has_topology)
        return option_fail(p, "--nodes and --topology: give one of them");
    if (o->disks + o->nets + extra > DISKS_MAX)
        return option_fail(p, "more than %d virtio devices", DISKS_MAX);
    if (o->pcap && o->nets == 0)
        return option_fail(p, "--pcap needs --net subnet");
    for (uint32_t i = 0; i < o->disks; i++)
        if (o->vms > 1 && o->disk[i].mode == DISCO_DISK_EXCLUSIVE &&
            !strstr(o->disk[i].path, "%v"))
            return option_fail(
                p,
                "--disk %s: %u VMs cannot write one disk (use %%v in "
                "the name, or ,cow or ,ro)",
                o->disk[i].path, o->vms);
    return 0;
}

int options_parse(struct options *options, int argc, char **argv, char *text,
                  uint32_t text_bytes)
{
    struct parser p = {
        .options = options,
        .text = text,
        .text_bytes = text_bytes,
    };
    int is_over = 0; /* after "--" */
    int at = 1;

    memset(options, 0, sizeof(*options));
    options->net_mtu = 65520; /* packets of many pages, room for VLAN tags */
    options->vms = options->cpus = options->nodes = options->threads = 1;
    options->memory_bytes = (uint64_t)256 << 20;
    while (at < argc) {
        const char *arg = argv[at];

        if (!is_over && strcmp(arg, "--") == 0) {
            is_over = 1;
            at++;
        } else if (!is_over && arg[0] == '-' && arg[1]) {
            if (parse_option(&p, argc, argv, &at))
                return -1;
        } else if (options->kernel) {
            return option_fail(&p, "two kernels given: %s and %s",
                               options->kernel, arg);
        } else {
            options->kernel = argv[at++];
        }
    }
    return options->wants_help ? 0 : check(&p);
}

void options_free(struct options *options)
{
    for (uint32_t i = 0; i < options->disks; i++)
        free(options->disk[i].path);
    options->disks = 0;
}

char *options_path_of_vm(const char *path, uint32_t vm)
{
    size_t room = strlen(path) * 6 + 1; /* "%v" grows to ten digits at most */
    char *out = malloc(room);
    size_t used = 0;

    if (!out)
        return NULL;
    while (*path) {
        if (path[0] == '%' && path[1] == 'v') {
            used += (size_t)snprintf(out + used, room - used, "%u", vm);
            path += 2;
        } else {
            out[used++] = *path++;
        }
    }
    out[used] = '\0';
    return out;
}
