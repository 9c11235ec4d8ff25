"""O backup de todo dia, na agenda do próprio sistema: Agendador do Windows, systemd ou cron.

Entra: a hora e o comando. Sai: uma tarefa agendada, mostrada ou removida. Levanta AgendaRecusou.
"""
