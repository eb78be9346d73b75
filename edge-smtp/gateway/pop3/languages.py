"""What the server says, in the languages that LANG offers (RFC 6856 section 3).

English sentences are the keys: what is missing here is a mistake that a test finds.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    tag: str  # RFC 5646
    name: str  # in the language itself
    sentences: Mapping[str, str]  # English: translated, with the same fields

    def say(self, sentence: str, fields: Mapping[str, object]) -> str:
        return self.sentences.get(sentence, sentence).format_map(fields)


ENGLISH = Language("en", "English", {})

_GERMAN = {
    "{verb} is not for this state": "{verb} geht in diesem Zustand nicht",
    "Capability list follows": "Es folgt, was dieser Server kann",
    "Language listing follows": "Es folgen die Sprachen",
    "Language is English": "Die Sprache ist Deutsch",
    "No such language": "Diese Sprache gibt es hier nicht",
    "Bye": "Auf Wiedersehen",
    "Bye, {count} messages deleted": "Auf Wiedersehen, {count} Nachrichten gelöscht",
    "TLS is not to be had here, or is there already": (
        "TLS gibt es hier nicht, oder es ist schon da"
    ),
    "STLS comes before UTF8": "STLS kommt vor UTF8",
    "Begin TLS negotiation": "TLS kann beginnen",
    "UTF8 enabled": "UTF8 ist eingeschaltet",
    "APOP is not offered, see CAPA": "APOP wird nicht angeboten, siehe CAPA",
    "A password needs TLS first, see STLS": "Vor einem Passwort muss TLS beginnen, siehe STLS",
    "Send PASS": "Weiter mit PASS",
    "USER comes first": "Zuerst kommt USER",
    "Wrong name or password": "Name oder Passwort ist falsch",
    "Another session has the maildrop": "Das Postfach ist in einer anderen Sitzung geöffnet",
    "There is no maildrop": "Es gibt kein Postfach",
    "{count} messages ({octets} octets)": "{count} Nachrichten ({octets} Oktette)",
    "Nothing done": "Nichts getan",
    "Unique-id listing follows": "Es folgen die eindeutigen Kennungen",
    "Message {number} will be deleted": "Nachricht {number} wird gelöscht",
    "{octets} octets": "{octets} Oktette",
    "Message follows": "Es folgt die Nachricht",
    "Top of message follows": "Es folgt der Anfang der Nachricht",
    "The message cannot be read": "Die Nachricht ist nicht lesbar",
    "Not now, try again later": "Jetzt nicht, bitte später noch einmal",
    "Some deleted messages not removed": "Nicht alle gelöschten Nachrichten wurden entfernt",
    "Too many errors": "Zu viele Fehler",
    "{error}": "Erwartet war: {rule} ({reference})",
    "there is no message {number}": "Es gibt keine Nachricht {number}",
    "message {number} has been removed meanwhile": (
        "Nachricht {number} ist inzwischen entfernt worden"
    ),
    "the lock of the maildrop was lost, nothing was deleted": (
        "Die Sperre des Postfachs ging verloren, nichts wurde gelöscht"
    ),
    "the client cancelled the authentication": "Die Anmeldung wurde abgebrochen",
    "{mechanism!r} is not among {offered}": "{mechanism!r} ist nicht unter {offered}",
    "too many failed logins, try again in {minutes} minutes": (
        "Zu viele falsche Anmeldungen, bitte in {minutes} Minuten noch einmal"
    ),
}

_FRENCH = {
    "{verb} is not for this state": "{verb} n'est pas permis dans cet état",
    "Capability list follows": "Liste des capacités",
    "Language listing follows": "Liste des langues",
    "Language is English": "La langue est le français",
    "No such language": "Cette langue n'est pas disponible",
    "Bye": "Au revoir",
    "Bye, {count} messages deleted": "Au revoir, messages supprimés : {count}",
    "TLS is not to be had here, or is there already": "TLS est indisponible ici, ou déjà actif",
    "STLS comes before UTF8": "STLS doit précéder UTF8",
    "Begin TLS negotiation": "La négociation TLS peut commencer",
    "UTF8 enabled": "UTF8 est activé",
    "APOP is not offered, see CAPA": "APOP n'est pas proposé, voir CAPA",
    "A password needs TLS first, see STLS": "Un mot de passe demande d'abord TLS, voir STLS",
    "Send PASS": "Envoyez PASS",
    "USER comes first": "USER doit venir d'abord",
    "Wrong name or password": "Nom ou mot de passe incorrect",
    "Another session has the maildrop": "La boîte est ouverte dans une autre session",
    "There is no maildrop": "Il n'y a pas de boîte",
    "{count} messages ({octets} octets)": "Messages : {count} ({octets} octets)",
    "Nothing done": "Rien n'a été fait",
    "Unique-id listing follows": "Liste des identifiants uniques",
    "Message {number} will be deleted": "Le message {number} sera supprimé",
    "{octets} octets": "{octets} octets",
    "Message follows": "Voici le message",
    "Top of message follows": "Voici le début du message",
    "The message cannot be read": "Le message est illisible",
    "Not now, try again later": "Pas maintenant, réessayez plus tard",
    "Some deleted messages not removed": "Certains messages supprimés n'ont pas été effacés",
    "Too many errors": "Trop d'erreurs",
    "{error}": "Attendu : {rule} ({reference})",
    "there is no message {number}": "Il n'y a pas de message {number}",
    "message {number} has been removed meanwhile": "Le message {number} a été effacé entre-temps",
    "the lock of the maildrop was lost, nothing was deleted": (
        "Le verrou de la boîte a été perdu, rien n'a été supprimé"
    ),
    "the client cancelled the authentication": "L'authentification a été annulée",
    "{mechanism!r} is not among {offered}": "{mechanism!r} ne fait pas partie de {offered}",
    "too many failed logins, try again in {minutes} minutes": (
        "Trop d'échecs d'authentification, réessayez dans {minutes} minutes"
    ),
}

_SPANISH = {
    "{verb} is not for this state": "{verb} no se admite en este estado",
    "Capability list follows": "Lista de capacidades",
    "Language listing follows": "Lista de idiomas",
    "Language is English": "El idioma es el español",
    "No such language": "Este idioma no está disponible",
    "Bye": "Adiós",
    "Bye, {count} messages deleted": "Adiós, mensajes borrados: {count}",
    "TLS is not to be had here, or is there already": "TLS no está disponible, o ya está activo",
    "STLS comes before UTF8": "STLS debe preceder a UTF8",
    "Begin TLS negotiation": "Puede empezar la negociación TLS",
    "UTF8 enabled": "UTF8 está activado",
    "APOP is not offered, see CAPA": "APOP no se ofrece, véase CAPA",
    "A password needs TLS first, see STLS": "Una contraseña requiere antes TLS, véase STLS",
    "Send PASS": "Envíe PASS",
    "USER comes first": "Primero debe venir USER",
    "Wrong name or password": "Nombre o contraseña incorrectos",
    "Another session has the maildrop": "El buzón está abierto en otra sesión",
    "There is no maildrop": "No hay buzón",
    "{count} messages ({octets} octets)": "Mensajes: {count} ({octets} octetos)",
    "Nothing done": "No se ha hecho nada",
    "Unique-id listing follows": "Lista de identificadores únicos",
    "Message {number} will be deleted": "El mensaje {number} se borrará",
    "{octets} octets": "{octets} octetos",
    "Message follows": "Sigue el mensaje",
    "Top of message follows": "Sigue el comienzo del mensaje",
    "The message cannot be read": "El mensaje no se puede leer",
    "Not now, try again later": "Ahora no, inténtelo más tarde",
    "Some deleted messages not removed": "Algunos mensajes borrados no se han eliminado",
    "Too many errors": "Demasiados errores",
    "{error}": "Se esperaba: {rule} ({reference})",
    "there is no message {number}": "No hay mensaje {number}",
    "message {number} has been removed meanwhile": "El mensaje {number} se eliminó entretanto",
    "the lock of the maildrop was lost, nothing was deleted": (
        "Se perdió el bloqueo del buzón, no se ha borrado nada"
    ),
    "the client cancelled the authentication": "La autenticación fue cancelada",
    "{mechanism!r} is not among {offered}": "{mechanism!r} no está entre {offered}",
    "too many failed logins, try again in {minutes} minutes": (
        "Demasiados intentos fallidos, inténtelo de nuevo en {minutes} minutos"
    ),
}

LANGUAGES = {
    language.tag: language
    for language in (
        ENGLISH,
        Language("de", "Deutsch", _GERMAN),
        Language("es", "Español", _SPANISH),
        Language("fr", "Français", _FRENCH),
    )
}


def look_up(wanted: str) -> Language | None:
    """Return the language for a range, cut shorter until one fits (RFC 4647 section 3.4).

    ``*``, and ``i-default`` of RFC 2277, are the server's own choice: English for everybody,
    so that nothing about a user shows before the login (RFC 6856 section 7).
    """
    wanted = wanted.lower()
    if wanted in ("*", "i-default"):
        return ENGLISH
    while wanted not in LANGUAGES:
        wanted, cut, _ = wanted.rpartition("-")
        if not cut:
            return None
    return LANGUAGES[wanted]
