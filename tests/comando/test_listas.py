"""As listas num terminal de verdade, de 80 e de 50 colunas: o que se lê, inteiro."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apoio.execucao import BACKUP
from apoio.inventados import BIA, publicar
from apoio.terminal import num_terminal, sem_barras
from cofre.deposito import ausencia
from cofre.deposito.carimbo import FORMATO_DO_CARIMBO
from cofre.deposito.deposito import Deposito

HOJE = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def _ha(dias: int, horas: float) -> str:
    return f"{HOJE - timedelta(days=dias) + timedelta(hours=horas):{FORMATO_DO_CARIMBO}}"


@pytest.fixture(scope="module")
def destino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Ana, com fotos de restaurações, um backup encolhido e um incompleto; a Bia, que sumiu do
    banco."""
    deposito = Deposito(tmp_path_factory.mktemp("listas") / "b")
    dela = publicar(deposito, _ha(9, 3), dono=BIA)
    ausencia.anotar(dela.pasta, BIA)
    bom = _ha(8, 3)
    estrago = {"tabela": "clientes", "antes": 145, "agora": 0, "referencia": bom}
    publicar(deposito, bom)
    publicar(deposito, _ha(8, 10), tipo="pre_restauracao")
    publicar(deposito, _ha(8, 10.5), tipo="durante_restauracao")
    publicar(deposito, _ha(7, 3), encolhimentos=[estrago])
    publicar(deposito, _ha(6, 3), falhas={"notas_fiscais": "recusada (42501)"})
    return deposito.raiz


LISTAR_80 = """\
🏢 EMPRESAS COM BACKUP

🏢 Bia Peças  (bbbb2222-0000-4000-8000-00000000000b)
   📁 DESTINO/empresa_bbbb2222/
   🚨 sumiu do banco
   ⏰ último backup inteiro: há 9 dias (o limite é 36 h)
   ✅ {9} 03:00:00  manual  8 registros  572 B  completo

🏢 Ana Doces  (aaaa1111-0000-4000-8000-00000000000a)
   📁 DESTINO/empresa_aaaa1111/
   ⏰ último backup inteiro: há 7 dias (o limite é 36 h)
   ⚠️ {6} 03:00:00  manual  8 registros  572 B  incompleto (sem
      notas_fiscais)
   ✅ {7} 03:00:00  manual  8 registros  572 B  completo  📉 dados
      encolheram
   📷 {8}  2 fotos de restaurações  (--fotos mostra cada uma)
   ✅ {8} 03:00:00  manual  8 registros  572 B  completo

💾 6 backups em 1,1 KB de disco (seriam 3,4 KB sem guardar uma vez só o que não
   mudou)
"""

LISTAR_50 = """\
🏢 EMPRESAS COM BACKUP

🏢 Bia Peças
   (bbbb2222-0000-4000-8000-00000000000b)
   📁 DESTINO/empresa_bbbb2222/
   🚨 sumiu do banco
   ⏰ último backup inteiro: há 9 dias (o limite é
      36 h)
   ✅ {9} 03:00:00  manual  8 registros
      572 B  completo

🏢 Ana Doces
   (aaaa1111-0000-4000-8000-00000000000a)
   📁 DESTINO/empresa_aaaa1111/
   ⏰ último backup inteiro: há 7 dias (o limite é
      36 h)
   ⚠️ {6} 03:00:00  manual  8 registros
      572 B  incompleto (sem notas_fiscais)
   ✅ {7} 03:00:00  manual  8 registros
      572 B  completo  📉 dados encolheram
   📷 {8}  2 fotos de restaurações
      (--fotos mostra cada uma)
   ✅ {8} 03:00:00  manual  8 registros
      572 B  completo

💾 6 backups em 1,1 KB de disco (seriam 3,4 KB sem
   guardar uma vez só o que não mudou)
"""

VERIFICAR_80 = """\

🏢 Empresa: Bia Peças
   ✅ {9} 03:00:00: 8 registros, completo

🏢 Empresa: Ana Doces
   ⚠️ {6} 03:00:00: 8 registros, incompleto
   ✅ {7} 03:00:00: 8 registros, completo
   ✅ {8}: 2 fotos de restaurações, sem dano
   ✅ {8} 03:00:00: 8 registros, completo

✅ 6 backups conferidos, nenhum dano
"""

VERIFICAR_50 = """\

🏢 Empresa: Bia Peças
   ✅ {9} 03:00:00: 8 registros, completo

🏢 Empresa: Ana Doces
   ⚠️ {6} 03:00:00: 8 registros, incompleto
   ✅ {7} 03:00:00: 8 registros, completo
   ✅ {8}: 2 fotos de restaurações, sem
      dano
   ✅ {8} 03:00:00: 8 registros, completo

✅ 6 backups conferidos, nenhum dano
"""

PODAR_80 = """\
🧹 PODA (guardar: 1 diário)

🏢 Ana Doces: nada sai de 5 backups
   fica  {6} 03:00:00  manual  incompleto  572 B  (não há completo mais
         novo)
   fica  {7} 03:00:00  manual  completo  572 B  (os dados encolheram
         nele, diário)
   fica  {8}  2 fotos de restaurações  1,1 KB  (os dados encolheram
         depois dele, foto de menos de 30 dias)
   fica  {8} 03:00:00  manual  completo  572 B  (os dados encolheram
         depois dele)

🏢 Bia Peças: nada sai de 1 backup
   fica  {9} 03:00:00  manual  completo  572 B  (diário)

✅ Nada a apagar (6 backups)
"""

PODAR_50 = """\
🧹 PODA (guardar: 1 diário)

🏢 Ana Doces: nada sai de 5 backups
   fica  {6} 03:00:00  manual  incompleto
         572 B  (não há completo mais novo)
   fica  {7} 03:00:00  manual  completo
         572 B  (os dados encolheram nele, diário)
   fica  {8}  2 fotos de restaurações
         1,1 KB  (os dados encolheram depois dele,
         foto de menos de 30 dias)
   fica  {8} 03:00:00  manual  completo
         572 B  (os dados encolheram depois dele)

🏢 Bia Peças: nada sai de 1 backup
   fica  {9} 03:00:00  manual  completo
         572 B  (diário)

✅ Nada a apagar (6 backups)
"""


TELAS = {
    ("listar",): {80: LISTAR_80, 50: LISTAR_50},
    ("verificar",): {80: VERIFICAR_80, 50: VERIFICAR_50},
    ("podar", "--manter-diarios", "1", "--simular"): {80: PODAR_80, 50: PODAR_50},
}


def _idades() -> list[tuple[int, int]]:
    """Há quantos dias é o de há nove, e o de há sete: antes das três da manhã, um a menos."""
    agora = datetime.now().astimezone()
    return [(ha, (agora - HOJE + timedelta(days=ha) - timedelta(hours=3)).days) for ha in (9, 7)]


@pytest.mark.parametrize("colunas", [80, 50])
@pytest.mark.parametrize("argumentos", TELAS, ids=lambda a: a[0])
def test_o_que_se_le(destino: Path, argumentos: tuple[str, ...], colunas: int) -> None:
    velhos = None
    while velhos != (velhos := _idades()):  # deram as três da manhã enquanto rodava: outra vez
        visto = num_terminal(None, destino, colunas, "", argumentos=argumentos, script=BACKUP)
    dias = [f"{HOJE - timedelta(days=ha):%Y-%m-%d}" for ha in range(10)]
    esperado = TELAS[argumentos][colunas].format(*dias)
    for ha, tem in velhos:
        esperado = esperado.replace(f"há {ha} dias", f"há {tem} dias")
    # A pasta dos testes pode não caber na linha, e vai inteira na seguinte.
    tela = re.sub(r"📁\s+", "📁 ", sem_barras(visto)).replace(str(destino), "DESTINO")
    assert tela.split("\n") == esperado.split("\n")
