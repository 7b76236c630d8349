import disco
import pytest


def test_every_status_has_a_class():
    for status in disco.Status:
        assert disco.status_name(status).endswith(status.name)
        assert disco.status_text(status)
        if status != disco.Status.OK:
            error = disco.errors.make_error(status)
            assert type(error) is not disco.DiscoError
            assert error.status == status
            assert str(error) == disco.status_text(status)


def test_unknown_status():
    error = disco.errors.make_error(-99)
    assert type(error) is disco.DiscoError and error.status == -99


def test_builtin_bases():
    assert issubclass(disco.InvalidError, ValueError)
    assert issubclass(disco.NoMemoryError, MemoryError)
    assert issubclass(disco.NotFoundError, LookupError)
    assert issubclass(disco.ClosedError, ValueError)


def test_text_names_what_and_where(vm):
    with pytest.raises(disco.DiscoError) as info:
        vm.read(0x7fff0000, 4)
    error = info.value
    assert type(error) is disco.FaultError
    assert error.where == 0x7fff0000
    assert "0x7fff0000" in error.text
    assert str(error) == error.text


def test_nul_in_strings(machine):
    with pytest.raises(ValueError):
        machine.create_vm("a\0b")


def test_registry_of_threads(vm):
    """An error belongs to the call that made it."""
    with pytest.raises(disco.NotFoundError):
        vm.create_vcpu(model="Z80")
    with pytest.raises(disco.NotFoundError):
        vm.create_vcpu(backend="none")
