"""O backup de todo dia, na agenda do próprio sistema: Agendador de Tarefas do Windows, systemd do
usuário ou cron. Quem agenda não guarda nada: o que está instalado é o que o sistema mostra.
"""
