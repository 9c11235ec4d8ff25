"""Todo dia, sem ninguém olhando: agendar, registrar, avisar, notar o que encolheu, podar, mostrar.

Entra: o depósito e como foi cada execução. Sai: logs, avisos, a página, e backups a menos. Nada
daqui muda o código de saída do trabalho que cerca. Levanta FalhaDeDisco, AgendaRecusou e
EnsaioReprovado.
"""
