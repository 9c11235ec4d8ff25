"""Peças que os testes compartilham."""
