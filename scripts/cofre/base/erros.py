"""Os erros do cofre: cada um traz a causa, a cura (`dica`) e o código de saída do processo.

::

    ErroCofre ─┬─ ErroDeUso (2) ── ConfiguracaoInvalida, DependenciaAusente, AgendaRecusou
               ├─ NadaEncontrado (3)
               ├─ FalhaDoServidor (4) ─┬─ PermissaoNegada, TabelaInexistente, ConsultaDemorada
               │                       ├─ ServidorSemResposta, ChaveRecusada
               │                       ├─ ProjetoFechado ── ProjetoPausado
               │                       ├─ ConexaoRecusada, TabelaBloqueada, PedidoGrande, Disputa
               │                       ├─ PedidoRecusado, RespostaInvalida, LinhaDeOutraEmpresa
               │                       ├─ TabelaDeOutroServidor
               │                       └─ EmpresaMudou, DesfechoIncerto
               ├─ EscritaRecusada (4): o banco recusou uma escrita
               ├─ FalhaDeDisco (4)
               ├─ TravaOcupada (5)
               ├─ BackupDanificado (6) ── ZipRecusado
               ├─ RestauracaoIncompleta (7), RestauracaoRecusada (8)
               ├─ EnsaioReprovado (11)
               ├─ DefeitoInterno (1)
               └─ Interrompido (130) ── Cancelada

Os da cópia fora (13) estão em `remoto.erros`. Outros ficam ao lado de quem os levanta:
`via.api.pagina.PaginaGrande`, que é PedidoGrande,
`via.api.erros.SemDescricao`, que é PedidoRecusado, `via.direta.erros.SemConexao`, que é
ServidorSemResposta, `deposito.cifra.chaveiro.FaltaChave`, que é ErroDeUso, e
`deposito.cifra.leitura.CifradoEstragado`, que é BackupDanificado.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any, ClassVar

from cofre.base import comandos

TUDO_CERTO = 0
ERRO_INESPERADO = 1
HA_DIFERENCAS = 9
"""Código de quando se compara (ou se simula uma restauração), e algo difere."""
DADOS_ENCOLHERAM = 10
"""Código de um backup em que tudo deu certo, mas há dados que parecem ter sumido."""
NEM_TUDO_COMO_ERA = 12
"""Código de uma restauração que chegou ao fim, mas sem algo que se aceitou não ter de volta, em que
o banco pôs outro conteúdo em algum lugar, ou em que o que voltou é outro (um login, um arquivo)."""
COPIA_FALHOU = 13
"""Código de quando o que se pediu aqui deu certo, mas a cópia fora não está como devia."""
PROMESSA_QUEBRADA = 14
"""Código de quando o que se pediu deu certo, mas não se cumpre o que se prometeu de uma empresa."""
_QUEM_MANDA = (4, 6, COPIA_FALHOU, DADOS_ENCOLHERAM, PROMESSA_QUEBRADA)
"""De vários códigos, o primeiro destes é o da execução."""


def primeiro_codigo(*codigos: int) -> int:
    """O código de uma execução em que cada parte teve o seu."""
    errados = [c for c in codigos if c != TUDO_CERTO]
    return next((c for c in _QUEM_MANDA if c in errados), next(iter(errados), TUDO_CERTO))


def _como_ver_a_agenda() -> str:
    sistema = {"win32": "windows", "darwin": "cron"}.get(sys.platform, "systemd")
    mostrar = comandos.comando(comandos.BACKUP, "agendar", "mostrar", "--sistema", sistema)
    return f"Veja o que seria instalado, para instalar à mão:\n  {mostrar}"


class ErroCofre(Exception):
    """Raiz de todos: `str(erro)` é a causa, `dica` diz o que fazer (pode ter várias linhas)."""

    codigo: ClassVar[int] = ERRO_INESPERADO
    dica: str = ""

    def __init__(self, causa: str, dica: str | None = None) -> None:
        super().__init__(causa)
        if dica is not None:
            self.dica = dica

    def __reduce__(self) -> tuple[Any, ...]:
        """Entre processos: o que o construtor de cada um pede já não se tem."""
        return _de_volta, (type(self), self.args, self.__dict__)


def _de_volta(
    tipo: type[ErroCofre], argumentos: tuple[Any, ...], resto: dict[str, Any]
) -> ErroCofre:
    erro = tipo.__new__(tipo, *argumentos)
    erro.args = argumentos
    erro.__dict__.update(resto)
    return erro


class ErroDeUso(ErroCofre):
    """Opção ou combinação de opções que não existe."""

    codigo = 2
    dica = "Veja as opções com --help."


class ConfiguracaoInvalida(ErroDeUso):
    """O .env, o cofre.toml ou o ambiente não servem; recusado antes de qualquer pedido."""


class DependenciaAusente(ErroDeUso):
    """Falta um pacote do Python."""

    def __init__(self, causa: str, dica: str | None = None) -> None:
        super().__init__(causa, comandos.como_instalar() if dica is None else dica)

    @classmethod
    def de(cls, erro: ModuleNotFoundError) -> DependenciaAusente:
        """A mesma causa, com o que fazer."""
        return cls(f"No module named '{erro.name}'.")


class AgendaRecusou(ErroDeUso):
    """O sistema desta máquina não agenda, ou recusou a tarefa."""

    def __init__(self, causa: str, dica: str | None = None) -> None:
        super().__init__(causa, _como_ver_a_agenda() if dica is None else dica)


class NadaEncontrado(ErroCofre):
    """Nenhuma empresa, ou nenhum backup, com o que foi pedido."""

    codigo = 3


class FalhaDoServidor(ErroCofre):
    """O servidor não deu o que se pediu."""

    codigo = 4


class PermissaoNegada(FalhaDoServidor):
    """42501: a chave não pode ler a tabela."""


class TabelaInexistente(FalhaDoServidor):
    """A tabela (ou a coluna pedida) não existe na API."""


class TabelaDeOutroServidor(FalhaDoServidor):
    """A tabela é só uma janela para outro servidor (FOREIGN TABLE), e ele não respondeu."""


class PedidoRecusado(FalhaDoServidor):
    """O servidor entendeu e recusou este pedido; os outros podem dar certo."""


class ConsultaDemorada(FalhaDoServidor):
    """57014: o limite de tempo do servidor (8 s no Supabase) venceu."""


class PedidoGrande(FalhaDoServidor):
    """413, ou numa leitura um 54* do PostgreSQL: o servidor, ou um proxy no caminho, não aceita um
    pedido deste tamanho; nada dele aconteceu."""


class Disputa(FalhaDoServidor):
    """O banco desfez a escrita por causa de outra ao mesmo tempo (serialização, impasse, trava);
    nada dela aconteceu, e sozinha passaria."""


class ServidorSemResposta(FalhaDoServidor):
    """Conexão recusada, nome que não resolve, tempo esgotado, depois de todas as tentativas."""


class ProjetoFechado(FalhaDoServidor):
    """O projeto inteiro não atende, e insistir não muda isso: só o painel. Pausado, restrito, com
    a Data API ou as chaves antigas desligadas, só de leitura."""


class ProjetoPausado(ProjetoFechado):
    """O Supabase pausa projetos gratuitos sem uso."""

    dica = "Abra o painel do Supabase, escolha o projeto e clique em «Restore project»."


class ChaveRecusada(FalhaDoServidor):
    """O servidor não aceitou a chave, nem tentando de novo, se isso podia passar."""


class ConexaoRecusada(FalhaDoServidor):
    """O PostgreSQL não aceitou a conexão direta, ou ela não seria segura."""


class TabelaBloqueada(FalhaDoServidor):
    """55P03: outra transação segura a tabela há mais tempo do que se aceita esperar."""


class RespostaInvalida(FalhaDoServidor):
    """A resposta não é o JSON que devia ser, mesmo depois de novas tentativas."""


class LinhaDeOutraEmpresa(FalhaDoServidor):
    """O servidor mandou uma linha que não é da empresa pedida; nada dela foi gravado."""

    dica = (
        "O servidor não aplicou o filtro pedido. Nada desta tabela foi gravado.\n"
        "Verifique se há um proxy no caminho que altere a URL e tente de novo."
    )


class EscritaRecusada(ErroCofre):
    """O banco recusou uma escrita: nada dela aconteceu. Código e detalhes são os do PostgreSQL; a
    `nota` é nossa, e não cita valor algum."""

    codigo = 4

    def __init__(self, codigo_sql: str, mensagem: str, detalhes: str) -> None:
        super().__init__(f"{mensagem} ({codigo_sql})")
        self.codigo_sql = codigo_sql
        self.detalhes = detalhes
        self.nota = ""

    @property
    def de_limite(self) -> bool:
        """Se o que o banco não aguenta pode ser o lote, e não uma linha dele (classe 54)."""
        return self.codigo_sql.startswith("54")


class EmpresaMudou(FalhaDoServidor):
    """Alguém mexeu nas tabelas escolhidas depois da foto; nada foi escrito."""


class DesfechoIncerto(FalhaDoServidor):
    """A conexão caiu na hora de confirmar a transação: não se sabe se ela valeu."""


class FalhaDeDisco(ErroCofre):
    """Disco cheio, pasta só de leitura, caminho longo demais."""

    codigo = 4


class TravaOcupada(ErroCofre):
    """Outra execução está usando a mesma pasta de backups."""

    codigo = 5
    dica = "Espere a outra execução terminar e tente de novo."


class BackupDanificado(ErroCofre):
    """Um arquivo do backup não é mais o que foi gravado."""

    codigo = 6
    dica = "Escolha um backup anterior."


class ZipRecusado(BackupDanificado):
    """O .zip a importar não é inteiro, ou traz o que um backup exportado não traz."""

    dica = "Nada foi gravado. Exporte de novo na máquina de origem e copie o arquivo outra vez."


class DefeitoInterno(ErroCofre):
    """Um defeito deste programa: diz o tipo e o lugar, nunca os valores (podem ser segredos)."""

    def __init__(self, erro: Exception) -> None:
        quadros = traceback.extract_tb(erro.__traceback__)[-3:]
        onde = " ← ".join(f"{Path(q.filename).name}:{q.lineno}" for q in reversed(quadros))
        super().__init__(
            f"Erro inesperado: {type(erro).__name__} em {onde}",
            "É um defeito deste programa. Os backups já concluídos continuam inteiros.",
        )


class RestauracaoRecusada(ErroCofre):
    """O plano não pode ser executado com segurança; nada foi escrito."""

    codigo = 8


class RestauracaoIncompleta(ErroCofre):
    """A empresa não chegou ao estado pedido; o diário diz onde parou e a foto de antes existe."""

    codigo = 7


class EnsaioReprovado(ErroCofre):
    """O backup foi restaurado no banco de teste, e não era mais o que foi salvo."""

    codigo = 11


class Interrompido(ErroCofre):
    """Ctrl+C ou SIGTERM."""

    codigo = 130


class Cancelada(Interrompido):
    """Quem responde desistiu, ou a entrada acabou: foi o que se quis, e não um erro."""
