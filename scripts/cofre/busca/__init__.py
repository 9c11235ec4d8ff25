"""Achar um registro em todos os backups de uma empresa, contar a história dele, e dizer o que mudou
nela de um instante a outro.

Entra: uma empresa do depósito e o que se procura, ou dois instantes. Sai: os registros, cada um com
as suas versões e as datas delas; ou o que mudou. Nada se altera, e só se fala com o servidor para
comparar com o banco como está agora. Levanta NadaEncontrado, ErroDeUso e BackupDanificado.
"""
