"""As campanhas inteiras, num comando: `python3 tests/campanhas [nome]...`.

`backup` mata o backup e a poda antes de cada passo no disco, e o backup antes e depois de cada
pedido, faz cada pedido falhar de muitas maneiras, passa por todos os cenários de
`tests/desempenho`, e por cada console, saída fechada e pacote que falta, e tudo o que o forno e a
estante dos testes prometem. `restauracao` mata a restauração antes e depois de cada escrita, e
restaura centenas de estragos ao acaso: mais de uma hora em dois processadores, e por isso a suíte
só faz uma amostra. `registro` traz de volta, com o que foi com ele, um registro de cem estragos ao
acaso, pelas duas vias. `mudanca` desfaz cem mudanças ao acaso, com outras edições depois de cada
uma. `arquivos` mata uma restauração com arquivos em cada pedido,
restaura cem estragos ao acaso, sobe 60 MB por uma linha que cai, e mata em cada passo no disco quem
guarda conteúdos, quem os poda e quem os cifra. `logins` mata em cada pedido uma restauração que
cria logins. `copia` põe a cópia fora daqui contra cada recusa de um serviço, e cada corte e cada
lentidão de uma linha. `clone` leva cinquenta empresas ao acaso a outro projeto, por cada via, e
morre em cada passo e pedido de uma delas. `frota` mata agendador, trabalhadores e quem começa.
`semana` faz a demonstração viver uma semana a quatro backups por hora, com acidentes.
`demonstracao` faz o acidente inteiro pelas duas vias, e mata o servidor com cada sinal.
`propriedades` inventa o triplo de exemplos
em tudo o que o Hypothesis prova sem servidor, ou quase. `windows` roda os programas num Windows sob
o wine (ver `wine`). `vias` repete pela API o que a suíte só faz pela direta, por ser de acima das
vias (ver `apoio.loja.TANTO_FAZ`). `antigo` repete os testes da API com o PostgREST como ele é, e
não como os de hoje (ver `supabase_local.servidores.perfil`). Sem nome, todas. Os outros argumentos
são os do pytest.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

RAIZ = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(RAIZ / "scripts"))

from supabase_local.servidores.ambiente import continuar_no_ambiente, preparar  # noqa: E402
from supabase_local.servidores.sistema import ErroDeAmbiente, arrumar_entrada_e_saida  # noqa: E402

QUE_DIZEM_TANTO_FAZ = tuple(
    str(arquivo.relative_to(RAIZ))
    for arquivo in sorted((RAIZ / "tests").glob("*/test_*.py"))
    if "TANTO_FAZ" in arquivo.read_text("utf-8")
)
SEM_CAMPANHA = {"vias": {"VIA_DOS_TESTES": "api"}, "antigo": {"SUPABASE_LOCAL_PERFIL": "antigo"}}
"""As que correm a suíte como ela é, com estas variáveis."""
CAMPANHAS = {
    "backup": (
        "tests/backup/test_queda.py",
        "tests/via/test_falhas.py",
        "tests/foto/test_consistencia.py",
        "tests/foto/test_aproveitado.py",
        "tests/foto/test_memoria.py",
        "tests/backup/test_lado_a_lado.py",
        "tests/deposito/test_cifrar.py",
        "tests/deposito/test_deposito.py",
        "tests/deposito/test_estranhos.py",
        "tests/rotina/test_poda.py",
        "tests/rotina/test_tarefa.py",
        "tests/casa/test_desempenho.py",
        "tests/casa/test_forno.py",
        "tests/casa/test_reposicao.py",
        "tests/comando/test_tela.py",
    ),
    "restauracao": (
        "tests/restauracao/test_isolamento.py",
        "tests/restauracao/test_restaurar_quedas.py",
        "tests/via/test_direto_restaurar.py",
        "tests/restauracao/test_edicoes.py",
        "tests/restauracao/test_recusas.py",
        "tests/via/test_exata_gerada.py",
        "tests/via/test_exata.py",
        "tests/via/test_escrita.py",
        "tests/via/test_servidores_de_hoje.py",
        "tests/via/test_direto_transacao.py",
        "tests/via/test_direto_leitura.py",
        "tests/via/test_juntas.py",
    ),
    "registro": ("tests/restauracao/test_registro.py",),
    "mudanca": ("tests/plano/test_tres_lados.py", "tests/restauracao/test_desfazer_mudanca.py"),
    "frota": (
        "tests/frota/test_frota_quedas.py",
        "tests/frota/test_frota.py",
        "tests/frota/test_instante.py",
    ),
    "propriedades": (
        "tests/base/test_config.py",
        "tests/base/test_fardo.py",
        "tests/clone/test_anonimo.py",
        "tests/plano/test_plano.py",
        "tests/plano/test_recorte.py",
        "tests/plano/test_lados.py",
        "tests/deposito/test_passada.py",
        "tests/deposito/test_cifra.py",
        "tests/deposito/test_lacre.py",
        "tests/deposito/test_ordem.py",
        "tests/restauracao/test_pendentes.py",
        "tests/via/test_leitura.py",
        "tests/via/test_linhas.py",
        "tests/busca/test_comparar.py",
        "tests/busca/test_procurar.py",
        "tests/rotina/test_retencao.py",
    ),
    "arquivos": (
        "tests/restauracao/test_arquivos_quedas.py",
        "tests/restauracao/test_arquivos.py",
        "tests/busca/test_comparar_listas.py",
        "tests/via/test_subida.py",
        "tests/via/test_arquivos_da_via.py",
        "tests/foto/test_arquivos_da_empresa.py",
        "tests/rotina/test_poda_dos_conteudos.py",
        "tests/deposito/test_cifrar_arquivos.py",
    ),
    "logins": (
        "tests/restauracao/test_logins_quedas.py",
        "tests/restauracao/test_logins_que_faltam.py",
    ),
    "copia": ("tests/remoto",),
    "clone": (
        "tests/clone/test_ao_acaso.py",
        "tests/clone/test_quedas.py",
        "tests/clone/test_clonar.py",
        "tests/clone/test_clonar_listas.py",
        "tests/clone/test_esquema_hostil.py",
    ),
    "semana": ("tests/rotina/test_semana.py",),
    "demonstracao": (
        "tests/embutido/test_demonstracao.py",
        "tests/embutido/test_supabase_local.py",
    ),
    "windows": ("tests/campanhas/test_windows.py",),
    "vias": QUE_DIZEM_TANTO_FAZ,
    "antigo": ("tests/via", "tests/restauracao", "tests/backup", "tests/escopo", "tests/foto"),
}


def main() -> int:
    arrumar_entrada_e_saida()
    # Começadas em segundo plano, herdariam o Ctrl+C ignorado, e há testes que o mandam.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        preparar(extras=[RAIZ / "tests" / "requirements.txt"])
    except ErroDeAmbiente as erro:
        print(f"❌ {erro}", file=sys.stderr)
        return 2
    continuar_no_ambiente()
    nomes = [a for a in sys.argv[1:] if a in CAMPANHAS]
    outros = [a for a in sys.argv[1:] if a not in CAMPANHAS]
    ditos = [a for a in outros if (RAIZ / a.partition("::")[0]).is_file()]
    pedidas = nomes or ([] if ditos else list(CAMPANHAS))
    alvos = [arquivo for nome in pedidas if nome not in SEM_CAMPANHA for arquivo in CAMPANHAS[nome]]
    codigo = _rodar([*alvos, *outros], CAMPANHA="1") if alvos or ditos else 0
    for nome, variaveis in SEM_CAMPANHA.items():
        if nome in pedidas:
            codigo = codigo or _rodar([*CAMPANHAS[nome], *outros], **variaveis)
    return codigo


def _rodar(alvos: Sequence[str], **mais: str) -> int:
    """O pytest com estes alvos e argumentos, e estas variáveis a mais; o código de saída."""
    # -rP: no fim, o que cada caso que passou contou (quantas mortes, quantas tabelas).
    opcoes = ("-n", "auto", "--dist", "load", "-v", "-rP", "--timeout=0")
    comando = [sys.executable, "-m", "pytest", *opcoes, *alvos]
    return subprocess.run(comando, cwd=RAIZ, env={**os.environ, **mais}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
