"""Anonimizar um backup que vai para o depósito de outro projeto: o que lá fica, byte a byte."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoio.anonimo import EmpresaInventada, de_alguem, empresa, formas
from apoio.com_listas import publicar
from apoio.inventados import ANA
from cofre.base import perfil
from cofre.base.config.valores import RegrasDeAnonimizar
from cofre.base.erros import ConfiguracaoInvalida, DependenciaAusente
from cofre.base.modelo import LOGINS
from cofre.clone.anonimo.preparo import SEGREDO, preparar
from cofre.deposito.backup import Backup, completo
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaves import gerar
from cofre.deposito.cifra.cifra import Cifra
from cofre.deposito.deposito import Deposito
from cofre.deposito.traslado import Traslado, linhas_de

DIA = "20260116_030000"
CHAVE, RESERVA = gerar(), gerar()
SEM_REGRAS = RegrasDeAnonimizar()


@pytest.fixture(scope="module")
def inventada() -> EmpresaInventada:
    return empresa()


@pytest.fixture(autouse=True)
def so_deste_teste(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(perfil, "pasta", lambda: tmp_path / "perfil")
    chaveiro.guardar(CHAVE)
    yield
    chaveiro.esquecer()


def guardada(raiz: Path, inventada: EmpresaInventada, cifra: Cifra | None = None) -> Backup:
    """O backup dela, como os de antes: sem dizer o tipo de coluna nenhuma."""
    tabelas = {n: suas for n, suas in inventada.linhas.items() if n != LOGINS}
    deposito = Deposito(raiz, cifra=cifra)
    return publicar(
        deposito,
        DIA,
        logins=inventada.linhas[LOGINS],
        tabelas=tabelas,
        nome="Ana Doces e Salgados",
        nomes=["Ana Doces e Salgados"],
        registros_da_empresa=[{"id": tabelas["empresas"][0]["id"]}],
    )


def levar(backup: Backup, deposito: Deposito) -> Backup:
    """A cópia dele noutro depósito, anonimizada."""
    assert backup.meta is not None
    tabelas = [*backup.meta.tabelas]
    quem = preparar(backup, tabelas, SEM_REGRAS)
    marca = {"url": "https://outro.supabase.co", "anonimizado": quem.relatorio.documento()}
    return Traslado(backup, tabelas, quem.trocar).para(deposito, marca, ())


def o_que_ha(pasta: Path) -> bytes:
    """Todos os bytes dos arquivos de uma pasta, e os nomes deles; os compactados, abertos."""
    ditos: list[bytes] = []
    for arquivo in sorted(a for a in pasta.rglob("*") if a.is_file()):
        bruto = arquivo.read_bytes()
        aberto = gzip.decompress(bruto) if arquivo.suffix == ".gz" else bruto
        ditos += [arquivo.name.encode(), aberto]
    return b"\n".join(ditos)


def linhas_da(copia: Backup) -> bytes:
    """As linhas da cópia, lidas como quem as restaura."""
    assert copia.meta is not None
    return b"\n".join(x for t in copia.meta.tabelas.values() for x in linhas_de(copia, t))


@pytest.mark.parametrize("compactar", [False, True])
def test_na_pasta_do_destino_nao_ha_ninguem(
    tmp_path: Path, inventada: EmpresaInventada, compactar: bool
) -> None:
    backup = guardada(tmp_path / "daqui", inventada)
    copia = levar(backup, Deposito(tmp_path / "la", compactar=compactar))
    procurados = de_alguem(inventada.linhas)
    ha = o_que_ha(tmp_path / "la")
    assert [v for v in procurados if any(f in ha for f in formas(v))] == []
    assert b"minha-senha" not in ha
    assert b"$2a$10$" not in ha
    assert copia.meta is not None
    assert copia.meta.empresa.nome == f"Empresa {ANA[:8]}"
    antes = o_que_ha(tmp_path / "daqui")
    assert all(any(f in antes for f in formas(v)) for v in procurados), "o juiz acha o que há"


def test_sem_a_tabela_das_empresas_os_metadados_tambem_nao_dizem_quem_e(
    tmp_path: Path, inventada: EmpresaInventada
) -> None:
    """O que outras tabelas referem de `empresas` pode ser um CNPJ, ou um nome na internet."""
    tabelas = {n: x for n, x in inventada.linhas.items() if n not in (LOGINS, "empresas")}
    registro = {"id": "12345678000195", "slug": "ana-doces", "codigo": ANA, "numero": "17"}
    backup = publicar(
        Deposito(tmp_path / "daqui"),
        DIA,
        tabelas=tabelas,
        nome="Ana Doces e Salgados",
        empresa_id=registro["id"],
        registros_da_empresa=[registro],
    )
    copia = levar(backup, Deposito(tmp_path / "la"))
    ha = o_que_ha(tmp_path / "la")
    assert [v for v in (registro["id"], registro["slug"], "Ana Doces") if v.encode() in ha] == []
    assert copia.meta is not None
    assert copia.meta.registros_da_empresa == ({"codigo": ANA, "numero": "17"},)


def test_tambem_de_um_backup_cifrado_para_um_deposito_cifrado(
    tmp_path: Path, inventada: EmpresaInventada
) -> None:
    cifra = Cifra((CHAVE.publica, RESERVA.publica))
    backup = guardada(tmp_path / "daqui", inventada, cifra)
    copia = completo(levar(completo(backup), Deposito(tmp_path / "la", cifra=cifra)))
    procurados = de_alguem(inventada.linhas)
    ha = o_que_ha(tmp_path / "la") + linhas_da(copia)
    assert [v for v in procurados if any(f in ha for f in formas(v))] == []


def test_a_mesma_copia_duas_vezes_tem_os_mesmos_bytes(
    tmp_path: Path, inventada: EmpresaInventada
) -> None:
    backup = guardada(tmp_path / "daqui", inventada)
    uma, outra = (levar(backup, Deposito(tmp_path / onde)) for onde in ("a", "b"))
    assert uma.meta is not None
    assert outra.meta is not None
    assert {n: t.somas for n, t in uma.meta.tabelas.items()} == {
        n: t.somas for n, t in outra.meta.tabelas.items()
    }
    (tmp_path / "perfil" / SEGREDO).unlink()
    noutra_maquina = levar(backup, Deposito(tmp_path / "c"))
    assert linhas_da(noutra_maquina) != linhas_da(uma)


def test_o_que_nao_e_de_ninguem_sai_com_os_mesmos_bytes(
    tmp_path: Path, inventada: EmpresaInventada
) -> None:
    backup = guardada(tmp_path / "daqui", inventada)
    copia = levar(backup, Deposito(tmp_path / "la"))
    assert backup.meta is not None
    assert copia.meta is not None
    for nome in ("produtos", "categorias", "funcoes", "subscriptions"):
        antes, depois = (linhas_de(b, b.meta.tabelas[nome]) for b in (backup, copia) if b.meta)
        assert list(antes) == list(depois)


@pytest.mark.parametrize(
    ("regras", "achado"),
    [
        (RegrasDeAnonimizar({("clientes", "nome"): "gente"}), "«gente», que não conheço"),
        (RegrasDeAnonimizar({("cliente", "nome"): "nome"}), "não tem essa coluna"),
        (RegrasDeAnonimizar({}, frozenset({("cliente", "nome")})), "não tem essa coluna"),
    ],
)
def test_uma_regra_que_nao_serve_e_recusada_antes_de_tudo(
    tmp_path: Path, inventada: EmpresaInventada, regras: RegrasDeAnonimizar, achado: str
) -> None:
    backup = guardada(tmp_path / "daqui", inventada)
    assert backup.meta is not None
    with pytest.raises(ConfiguracaoInvalida, match=achado):
        preparar(backup, [*backup.meta.tabelas], regras)


def test_sem_o_faker_diz_se_o_que_instalar(monkeypatch: pytest.MonkeyPatch) -> None:
    for nome in [n for n in sys.modules if n.partition(".")[0] == "faker" or "anonimo" in n]:
        monkeypatch.delitem(sys.modules, nome)
    monkeypatch.setitem(sys.modules, "faker", None)
    with pytest.raises(DependenciaAusente, match="precisa do pacote Faker") as falta:
        __import__("cofre.clone.anonimo.preparo")
    assert "requirements-anonimizar.txt" in falta.value.dica
