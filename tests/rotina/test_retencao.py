"""A conta do que fica e do que sai, sem disco: as regras do restic e o que nenhuma regra apaga."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import exemplos
from cofre.base.config.valores import Politica
from cofre.rotina.poda.retencao import BackupNaPoda, garantia, planejar

AGORA = datetime(2026, 3, 31, 12, 0, 0).astimezone()


def guardado(quando: datetime, **mais: object) -> BackupNaPoda:
    return BackupNaPoda(f"{quando:%Y%m%d_%H%M%S}", quando, **mais)  # type: ignore[arg-type]


def de(texto: str, **mais: object) -> BackupNaPoda:
    """«20260331_03» ou «20260331» (às 3:00)."""
    dia, _, hora = texto.partition("_")
    quando = datetime.strptime(f"{dia}{hora or '03'}", "%Y%m%d%H").astimezone()
    return guardado(quando, **mais)


def diarios(quantos: int, ate: datetime = AGORA) -> list[BackupNaPoda]:
    """Um por dia, às 3:00, até hoje."""
    ultimo = ate.replace(hour=3)
    return [guardado((ultimo - timedelta(days=n)).astimezone()) for n in range(quantos)][::-1]


def por_decidir(backup: BackupNaPoda) -> BackupNaPoda:
    """O mesmo, como era antes de se decidir dele."""
    return replace(backup, motivos=())


def ficam(destinos: Iterable[BackupNaPoda]) -> dict[str, tuple[str, ...]]:
    """Dia (ou dia e hora, se não é às 3:00) → por que fica."""
    return {
        d.carimbo.removesuffix("_030000").removesuffix("0000"): d.motivos
        for d in destinos
        if not d.sai
    }


def test_so_os_ultimos() -> None:
    assert ficam(planejar(diarios(10), Politica(ultimos=2), AGORA)) == {
        "20260330": ("último",),
        "20260331": ("último",),
    }


def test_de_cada_hora_o_mais_novo() -> None:
    """Como o --keep-hourly do restic: a hora do relógio local, e só as que têm backup."""
    meio_dia = AGORA.replace(minute=7)
    quartos = [guardado((meio_dia - timedelta(minutes=15 * n)).astimezone()) for n in range(14)]
    depois_da_noite = guardado((meio_dia - timedelta(hours=13)).astimezone())
    destinos = planejar([*quartos, depois_da_noite], Politica(horarios=4), AGORA)
    assert ficam(destinos) == {
        "20260331_095200": ("horário",),
        "20260331_105200": ("horário",),
        "20260331_115200": ("horário",),
        "20260331_120700": ("horário",),
    }
    cinco = ficam(planejar([*quartos, depois_da_noite], Politica(horarios=5), AGORA))
    assert sorted(set(cinco) - set(ficam(destinos))) == ["20260331_085200"]


def test_de_cada_dia_o_mais_novo() -> None:
    backups = [de(t) for t in ("20260328_23", "20260329_03", "20260329_22", "20260331_03")]
    backups += [de("20260331_09"), de("20260331_11")]
    assert ficam(planejar(backups, Politica(diarios=2), AGORA)) == {
        "20260329_22": ("diário",),
        "20260331_11": ("diário",),
    }


def test_dias_sem_backup_nao_contam() -> None:
    """Com a loja fechada em janeiro e fevereiro, os 3 últimos dias são os 3 últimos que houve."""
    backups = [de(t) for t in ("20251228", "20251229", "20251230", "20260330")]
    assert list(ficam(planejar(backups, Politica(diarios=3), AGORA))) == [
        "20251229",
        "20251230",
        "20260330",
    ]


def test_a_semana_e_a_iso() -> None:
    """De segunda a domingo; 29/12/2025 já é da semana 1 de 2026, e 28/12 ainda da 52 de 2025."""
    backups = [de(t) for t in ("20251227", "20251228", "20251229", "20260104", "20260105")]
    assert ficam(planejar(backups, Politica(semanais=3), AGORA)) == {
        "20251228": ("semanal",),
        "20260104": ("semanal",),
        "20260105": ("semanal",),
    }


def test_meses_e_anos() -> None:
    dias = ("20240110", "20240215", "20250110", "20250120", "20250203", "20260101")
    backups = [de(dia) for dia in dias]
    assert ficam(planejar(backups, Politica(mensais=3), AGORA)) == {
        "20250120": ("mensal",),
        "20250203": ("mensal",),
        "20260101": ("mensal",),
    }
    assert ficam(planejar(backups, Politica(anuais=2), AGORA)) == {
        "20250203": ("anual",),
        "20260101": ("anual",),
    }


def test_as_regras_se_somam_e_os_motivos_tambem() -> None:
    politica = Politica(ultimos=1, diarios=3, semanais=2, mensais=2, anuais=1)
    assert ficam(planejar(diarios(60), politica, AGORA)) == {
        "20260228": ("mensal",),
        "20260329": ("diário", "semanal"),
        "20260330": ("diário",),
        "20260331": ("último", "diário", "semanal", "mensal", "anual"),
    }


def test_o_mais_antigo_fica_enquanto_a_regra_nao_encheu() -> None:
    """Como no restic: com 12 mensais e só dois meses de vida, o primeiro dia também se guarda."""
    assert ficam(planejar(diarios(40), Politica(mensais=12), AGORA)) == {
        "20260220": ("mensal",),
        "20260228": ("mensal",),
        "20260331": ("mensal",),
    }


def test_sem_regra_nada_sai() -> None:
    destinos = planejar(diarios(5), Politica(), AGORA)
    assert [d.motivos for d in destinos] == [("nenhuma regra foi dada",)] * 5


# -- os que não são um completo de rotina ------------------------------------------------------


def test_incompleto_sai_quando_ha_completo_mais_novo() -> None:
    backups = [
        de("20260301", inteiro=False),
        de("20260302"),
        de("20260303", inteiro=False),
        de("20260304"),
        de("20260305", inteiro=False),
    ]
    assert ficam(planejar(backups, Politica(diarios=9), AGORA)) == {
        "20260302": ("diário",),
        "20260304": ("diário",),
        "20260305": ("não há completo mais novo",),
    }
    # Entre os N últimos completos, o incompleto também fica.
    assert ficam(planejar(backups, Politica(ultimos=2), AGORA)) == {
        "20260302": ("último",),
        "20260303": ("último",),
        "20260304": ("último",),
        "20260305": ("não há completo mais novo",),
    }


def test_so_incompletos_ficam_todos() -> None:
    backups = [de("20200101", inteiro=False), de("20210101", inteiro=False)]
    assert ficam(planejar(backups, Politica(ultimos=1), AGORA)) == {
        "20200101": ("não há completo mais novo",),
        "20210101": ("não há completo mais novo",),
    }


def test_fotos_de_restauracoes() -> None:
    backups = [
        de("20260201", rotina=False),
        de("20260301_11", rotina=False),
        de("20260301_13", rotina=False),
        de("20260320"),
        de("20260321", rotina=False),
    ]
    assert ficam(planejar(backups, Politica(ultimos=1), AGORA)) == {
        "20260301_13": ("foto de menos de 30 dias",),
        "20260320": ("último",),
        "20260321": ("não há completo mais novo",),
    }
    # Um dia depois, a de 1º de março já passou dos 30 dias.
    amanha = AGORA + timedelta(days=1)
    assert "20260301_13" not in ficam(planejar(backups, Politica(ultimos=1), amanha))


def test_foto_velha_de_empresa_sem_completo_fica() -> None:
    backups = [de("20200101", rotina=False), de("20260301", inteiro=False)]
    assert ficam(planejar(backups, Politica(ultimos=1), AGORA)) == {
        "20200101": ("não há completo mais novo",),
        "20260301": ("não há completo mais novo",),
    }


# -- o que nenhuma regra apaga -----------------------------------------------------------------


def test_empresa_que_nao_existe_mais_guarda_os_seus_ultimos() -> None:
    """O tempo sozinho não apaga: os mesmos backups, dez anos depois, têm o mesmo destino."""
    backups, politica = diarios(30), Politica(diarios=3, mensais=2)
    agora = ficam(planejar(backups, politica, AGORA))
    assert agora == ficam(planejar(backups, politica, AGORA + timedelta(days=3650)))
    assert "20260331" in agora


def test_protegido_fica_e_diz_por_que() -> None:
    backups = diarios(4)
    backups[1] = de("20260329", protegido="uma restauração precisa dele")
    backups[3] = de("20260331", protegido="uma restauração precisa dele")
    assert ficam(planejar(backups, Politica(ultimos=1), AGORA)) == {
        "20260329": ("uma restauração precisa dele",),
        "20260331": ("uma restauração precisa dele", "último"),
    }


def test_encolhimento_guarda_tudo_ate_ele() -> None:
    """O próprio também: se ele saísse, a proteção dos anteriores iria com ele."""
    backups = diarios(6)
    backups[2] = de("20260328", encolhido=True)
    politica = Politica(ultimos=1)
    esperado = {
        "20260326": ("os dados encolheram depois dele",),
        "20260327": ("os dados encolheram depois dele",),
        "20260328": ("os dados encolheram nele",),
        "20260331": ("último",),
    }
    assert ficam(planejar(backups, politica, AGORA)) == esperado
    sobraram = [por_decidir(d) for d in planejar(backups, politica, AGORA) if not d.sai]
    assert ficam(planejar(sobraram, politica, AGORA)) == esperado
    apesar = planejar(backups, politica, AGORA, apesar_do_encolhimento=True)
    assert ficam(apesar) == {"20260331": ("último",)}


def test_data_no_futuro_fica_e_nao_conta() -> None:
    """Um relógio errado por um dia não pode fazer do backup de 2036 o «último»."""
    backups = [*diarios(3), de("20360101")]
    destinos = planejar(backups, Politica(ultimos=1), AGORA)
    assert ficam(destinos) == {
        "20260331": ("último",),
        "20360101": ("a data está no futuro",),
    }
    assert garantia(backups, AGORA) == "20260331_030000"


contagens = st.integers(0, 5)
politicas = st.builds(Politica, contagens, contagens, contagens, contagens, contagens)
horas = st.integers(-24 * 3, 24 * 800).map(lambda h: AGORA - timedelta(hours=h))
quaisquer = st.lists(
    st.builds(
        guardado,
        horas,
        rotina=st.booleans(),
        inteiro=st.booleans(),
        protegido=st.sampled_from(["", "", "", "motivo"]),
        encolhido=st.sampled_from([False] * 9 + [True]),
    ),
    max_size=40,
    unique_by=lambda b: b.carimbo,
)


@settings(max_examples=exemplos(300), deadline=None)
@given(quaisquer, politicas, st.booleans())
def test_so_sai_o_que_tem_outro_completo_mais_novo_que_fica(
    backups: list[BackupNaPoda], politica: Politica, apesar: bool
) -> None:
    destinos = planejar(backups, politica, AGORA, apesar_do_encolhimento=apesar)
    assert [por_decidir(d) for d in destinos] == sorted(backups, key=lambda b: b.carimbo)
    fica = [por_decidir(d) for d in destinos if not d.sai]
    for saiu in (por_decidir(d) for d in destinos if d.sai):
        assert any(b.rotina and b.inteiro and b.carimbo > saiu.carimbo for b in fica)
        assert not saiu.protegido
        assert garantia(backups, AGORA) in {b.carimbo for b in fica}
        if not saiu.rotina:
            assert AGORA - saiu.quando >= timedelta(days=30)
        if not apesar:
            assert not any(b.encolhido and b.carimbo >= saiu.carimbo for b in backups)


@settings(deadline=None)
@given(quaisquer, politicas)
def test_podar_de_novo_nao_apaga_mais_nada(backups: list[BackupNaPoda], politica: Politica) -> None:
    uma = [por_decidir(d) for d in planejar(backups, politica, AGORA) if not d.sai]
    outra = [por_decidir(d) for d in planejar(uma, politica, AGORA) if not d.sai]
    assert outra == uma


@pytest.mark.parametrize(
    ("politica", "palavras"),
    [
        (Politica(ultimos=3, diarios=7), "3 últimos, 7 diários"),
        (Politica(semanais=4, mensais=12, anuais=2), "4 semanais, 12 mensais, 2 anuais"),
    ],
)
def test_a_politica_em_palavras(politica: Politica, palavras: str) -> None:
    assert politica.em_palavras() == palavras
    assert not politica.vazia
