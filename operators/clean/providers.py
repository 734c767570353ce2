"""Mail providers: who gives mailboxes to everybody, and what in a local part they are known to ignore.

Sources: the providers' own help pages. Google: "Dots don't matter in Gmail addresses", "Send emails from a different address or alias";
Microsoft: "Use plus addressing"; Apple: "Use iCloud Mail aliases"; Proton: "Addresses and aliases"; Fastmail: "Plus addressing and
subdomain addressing".
"""

from __future__ import annotations

SAME_AS = {"googlemail.com": "gmail.com"}
"""Domains under which a provider has the same mailboxes as under another."""

IGNORES_DOTS = frozenset({"gmail.com"})
"""Providers that deliver with and without dots in the local part to one mailbox."""

IGNORES_TAGS = frozenset(
    {
        *("gmail.com", "outlook.com", "hotmail.com", "live.com", "msn.com"),
        *("icloud.com", "me.com", "mac.com", "proton.me", "protonmail.com", "pm.me", "fastmail.com", "fastmail.fm"),
    }
)
"""Providers that deliver what has a plus and a tag behind the local part to the mailbox before the plus."""

FREE = frozenset(
    {
        *IGNORES_TAGS,
        *SAME_AS,
        *("yahoo.com", "ymail.com", "rocketmail.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.it", "yahoo.es", "yahoo.ca"),
        *("yahoo.com.br", "yahoo.co.in", "yahoo.co.jp", "yahoo.com.au", "yahoo.com.mx", "aol.com", "aim.com", "outlook.de", "outlook.fr"),
        *("hotmail.co.uk", "hotmail.de", "hotmail.fr", "hotmail.it", "hotmail.es", "live.de", "live.fr", "live.co.uk", "live.nl"),
        *(
            "gmx.de",
            "gmx.net",
            "gmx.at",
            "gmx.ch",
            "gmx.com",
            "web.de",
            "t-online.de",
            "freenet.de",
            "arcor.de",
            "posteo.de",
            "mailbox.org",
        ),
        *("mail.com", "email.com", "zoho.com", "hey.com", "tutanota.com", "tuta.com", "hushmail.com", "inbox.com", "fastmail.com"),
        *("comcast.net", "verizon.net", "att.net", "sbcglobal.net", "bellsouth.net", "cox.net", "charter.net", "earthlink.net", "juno.com"),
        *("orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "sfr.fr", "neuf.fr", "libero.it", "virgilio.it", "tiscali.it", "alice.it"),
        *(
            "btinternet.com",
            "sky.com",
            "virginmedia.com",
            "ntlworld.com",
            "talktalk.net",
            "telenet.be",
            "skynet.be",
            "ziggo.nl",
            "kpnmail.nl",
        ),
        *(
            "xs4all.nl",
            "bluewin.ch",
            "hispeed.ch",
            "sunrise.ch",
            "aon.at",
            "chello.at",
            "wp.pl",
            "o2.pl",
            "onet.pl",
            "interia.pl",
            "seznam.cz",
        ),
        *("centrum.cz", "freemail.hu", "citromail.hu", "abv.bg", "mail.ru", "bk.ru", "list.ru", "inbox.ru", "yandex.ru", "yandex.com"),
        *("rambler.ru", "ukr.net", "qq.com", "163.com", "126.com", "sina.com", "sohu.com", "naver.com", "daum.net", "hanmail.net"),
        *(
            "rediffmail.com",
            "uol.com.br",
            "bol.com.br",
            "terra.com.br",
            "globo.com",
            "sapo.pt",
            "telia.com",
            "bigpond.com",
            "optusnet.com.au",
        ),
        *("rogers.com", "sympatico.ca", "shaw.ca", "telus.net", "eircom.net", "walla.co.il", "docomo.ne.jp", "ezweb.ne.jp"),
    }
)
"""Providers of mailboxes for everybody; also the domains that a mistyped one may have been meant for."""

ROLES = frozenset(
    {
        *("abuse", "accounting", "accounts", "admin", "administrator", "all", "billing", "bounce", "bounces", "careers", "compliance"),
        *(
            "contact",
            "customerservice",
            "dns",
            "enquiries",
            "everyone",
            "feedback",
            "finance",
            "ftp",
            "hello",
            "help",
            "helpdesk",
            "hostmaster",
        ),
        *("hr", "info", "inquiries", "investorrelations", "invoice", "invoices", "it", "jobs", "kontakt", "legal", "list", "mail"),
        *("mailer-daemon", "mailerdaemon", "marketing", "media", "news", "newsletter", "no-reply", "noc", "noreply", "office", "orders"),
        *("postmaster", "press", "privacy", "purchasing", "reception", "recruiting", "registrar", "root", "sales", "security", "service"),
        *(
            "shop",
            "spam",
            "staff",
            "subscribe",
            "support",
            "sysadmin",
            "team",
            "tech",
            "unsubscribe",
            "usenet",
            "uucp",
            "webmaster",
            "welcome",
        ),
        "www",
    }
)
"""Local parts that stand for a role and not for a person: those of RFC 2142, and what companies use beside them."""
