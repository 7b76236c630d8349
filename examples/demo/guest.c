/*
 * guest.c - make one VM of the demo: the disco board with a disk of its own
 * and a network card on the common subnet.
 */
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DISK_BYTES = 8 << 20 };

/* An empty raw disk that vanishes with the last user of the open file. */
static disco_block_backend make_disk(disco_machine *machine)
{
    disco_block_backend disk = { .size = sizeof(disk) };
    char path[] = "/tmp/disco-demo-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, DISK_BYTES)) {
        perror("disco-demo: temporary disk");
        exit(1);
    }
    close(fd);
    must(machine, disco_block_open_file(machine, path, 0, &disk), "open disk");
    unlink(path);
    return disk;
}

static uint64_t wall_clock_ns(void)
{
    return (uint64_t)time(NULL) * UINT64_C(1000000000);
}

void guest_create(struct guest *guest, disco_machine *machine, uint32_t index,
                  disco_subnet *subnet, const struct options *options)
{
    disco_vm_config vm_config = { .size = sizeof(vm_config) };
    disco_vcpu_config cpu_config = { .size = sizeof(cpu_config) };
    disco_board_config config = { .size = sizeof(config) };
    disco_block_backend disk = make_disk(machine);
    disco_net_backend port = { .size = sizeof(port) };
    disco_nic *nic;

    memset(guest, 0, sizeof(*guest));
    guest->index = index;
    guest->machine = machine;
    if (options->linux_guest)
        guest->script = linux_script[index];

    vm_config.home_node = index % DEMO_NODES;
    vm_config.threads = 1; /* the demo's own */
    must(machine, disco_vm_create(machine, &vm_config, &guest->vm),
         "create VM");

    cpu_config.mode = options->mode;
    config.cpus = DEMO_CPUS;
    config.vcpu = &cpu_config;
    config.console.size = sizeof(config.console);
    config.console.opaque = guest;
    config.console.write = console_write;
    config.wall_ns = wall_clock_ns();
    must(machine, disco_board_create(guest->vm, &config, &guest->board),
         "create board");
    must(machine, disco_board_add_disk(guest->board, &disk), "add disk");
    must(machine, disco_subnet_port(subnet, NULL, &port, NULL), "subnet port");
    must(machine, disco_board_add_net(guest->board, NULL, &port, &nic),
         "add network");
    must(machine, disco_board_add_rng(guest->board), "add rng");
}

void guest_load(struct guest *guest, const struct image *kernel,
                const struct image *initrd, const char *append)
{
    disco_board_image image = { .size = sizeof(image) };

    image.kernel = kernel->data;
    image.kernel_bytes = kernel->bytes;
    image.initrd = initrd->data;
    image.initrd_bytes = initrd->bytes;
    image.cmdline = append;
    must(guest->machine, disco_board_load(guest->board, &image), "load kernel");
}
