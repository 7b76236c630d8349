/*
 * use.c - a stranger's program: built against the installed library through
 * pkg-config, shared and static, and against the library as a subproject.
 */
#include <disco/board.h>
#include <disco/disco.h>

#include <stdio.h>

int main(void)
{
    disco_machine_config config = { sizeof(config) };
    disco_error err = { sizeof(err) };
    disco_machine *machine;
    disco_vm *vm;
    disco_board *board;

    config.nodes = 2;
    config.node_bytes = 16 << 20;
    if (disco_version() != DISCO_VERSION)
        return 2;
    if (disco_machine_create(&config, &machine, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    if (disco_vm_create(machine, NULL, &vm))
        return 1;
    if (disco_board_create(vm, NULL, &board))
        return 1;
    if (disco_vm_destroy(vm) || disco_machine_destroy(machine))
        return 1;
    puts("ok");
    return 0;
}
