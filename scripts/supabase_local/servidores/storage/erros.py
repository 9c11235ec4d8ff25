"""As recusas do Storage: o status HTTP é quase sempre 400; o de verdade vem no corpo, como texto, e
o que distingue uma da outra é `code` (arquivos.md, 0)."""

from __future__ import annotations

import psycopg

from supabase_local.servidores.falhas import Resposta
from supabase_local.servidores.servico import em_json

RESTRITO = "new row violates row-level security policy"


class Recusa(Exception):
    """O que o Storage responde em vez de fazer. `status` é o do corpo; `http`, o da resposta."""

    def __init__(
        self, codigo: str, status: int, erro: str, mensagem: str, *, http: int = 400
    ) -> None:
        super().__init__(mensagem)
        self.status = status
        self.http = http
        self._corpo = {
            "statusCode": str(status),
            "error": erro,
            "message": mensagem,
            "code": codigo,
        }

    def resposta(self) -> Resposta:
        return em_json(self.http, self._corpo)


def sem_objeto() -> Recusa:
    """Também a quem não tem permissão de o ver."""
    return Recusa("NoSuchKey", 404, "not_found", "Object not found")


def sem_balde() -> Recusa:
    return Recusa("NoSuchBucket", 404, "Bucket not found", "Bucket not found")


def sem_conteudo(*, no_s3: bool) -> Recusa:
    """A linha existe, e o conteúdo não."""
    if no_s3:
        return Recusa("NoSuchKey", 404, "Not found", "The specified key does not exist.")
    return Recusa("InternalError", 500, "Internal", "Internal Server Error", http=500)


def ja_existe(codigo: str = "KeyAlreadyExists") -> Recusa:
    return Recusa(codigo, 409, "Duplicate", "The resource already exists")


def balde_com_objetos() -> Recusa:
    mensagem = "The bucket you tried to delete is not empty"
    return Recusa("ResourceNotEmpty", 409, "ResourceNotEmpty", mensagem)


def sem_acesso(mensagem: str = RESTRITO) -> Recusa:
    return Recusa("AccessDenied", 403, "Unauthorized", mensagem)


def nome_invalido(nome: str) -> Recusa:
    return Recusa("InvalidKey", 400, "InvalidKey", f"Invalid key: {nome}")


def segmento_de_pontos() -> Recusa:
    """Só onde o conteúdo fica em arquivos; no S3, estes nomes passam."""
    return Recusa("InvalidKey", 400, "InvalidKey", "Invalid key: contains dot path segment")


def grande_demais() -> Recusa:
    mensagem = "The object exceeded the maximum allowed size"
    return Recusa("EntityTooLarge", 413, "Payload too large", mensagem)


def tipo_recusado(tipo: str) -> Recusa:
    mensagem = f"mime type {tipo} is not supported"
    return Recusa("InvalidMimeType", 415, "invalid_mime_type", mensagem)


def faixa_invalida(*, no_s3: bool) -> Recusa:
    mensagem = "The requested range cannot be satisfied"
    http = 500 if no_s3 else 416
    return Recusa("InvalidRange", 416, "invalid_range", mensagem, http=http)


def pedido_invalido(mensagem: str) -> Recusa:
    return Recusa("InvalidRequest", 400, "Error", mensagem)


def do_banco(erro: psycopg.Error) -> Recusa:
    """O que o banco recusou: a RLS, um balde que não há, um papel que ele não conhece."""
    if isinstance(erro, psycopg.errors.InsufficientPrivilege):
        return sem_acesso()
    if isinstance(erro, psycopg.errors.ForeignKeyViolation):
        return sem_balde()
    return Recusa("DatabaseError", 500, "DatabaseError", "database error", http=500)


def sem_rota(metodo: str, caminho: str) -> Resposta:
    """Uma recusa sem `code`, e com o status em número."""
    mensagem = f"Route {metodo}:{caminho} not found"
    return em_json(404, {"message": mensagem, "error": "Not Found", "statusCode": 404})


def corpo_demais() -> Recusa:
    """Um corpo JSON com mais de 1 MiB."""
    mensagem = "Request body is too large"
    return Recusa("EntityTooLarge", 413, "Payload too large", mensagem, http=413)


def cabecalhos_demais() -> Resposta:
    """Todos os cabeçalhos juntos passam de 16 KB."""
    return Resposta(431, (("Connection", "close"),), b"")
