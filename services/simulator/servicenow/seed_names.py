"""Names of the people, groups, configuration items and other tools' tickets on the seeded instance."""

REST_ADMIN = "rest.admin"
"""An administrator who is web-service-only: passes the Basic gate, with the integration user's password."""

PERSON = "abel.tuter"
"""The person who changes tickets on behalf of control."""

PEOPLE = (
    (PERSON, "Abel Tuter"),
    ("beth.anglin", "Beth Anglin"),
    ("david.loo", "David Loo"),
    ("fred.luddy", "Fred Luddy"),
    ("itil", "ITIL User"),
    ("zoë.müller", "Zoë Müller"),
    ("sato.kenji", "佐藤 健二"),
    ("anna.jansen", "Anna Jansen"),
)

GROUPS = (
    ("Cloud Security", "Owns what no other team owns in the clouds", True),
    ("Identity", "Directory, sign-in and privileges", True),
    ("Network", "Firewalls, routing, DNS", True),
    ("Database", "All relational stores", True),
    ("Service Desk", "First line", True),
    ("Hardware", "Devices", True),
    ("Software", "Business applications", True),
    ("Platform Engineering", "Clusters and pipelines", True),
    ("Linux Operations", "Servers with Linux", True),
    ("Windows Operations", "Servers with Windows", True),
    ("Storage", "Object and block storage", True),
    ("CAB Approval", "Change advisory board", True),
    ("Payments", "The payment platform's team", True),
    ("Data & Analytics", "Lakes and warehouses", True),
    ("IT-Sicherheit Österreich", "Sicherheit, Büro Wien", True),
    ("Mainframe (retired)", "Dissolved; still referenced by old records", False),
)

CI_CLASSES = (
    ("cmdb_ci_linux_server", "lnx-app", 30),
    ("cmdb_ci_win_server", "win-srv", 20),
    ("cmdb_ci_vm_instance", "vm", 40),
    ("cmdb_ci_cloud_service_account", "subscription", 12),
    ("cmdb_ci_cloud_storage_account", "stacme", 20),
    ("cmdb_ci_cloud_database", "sqldb", 15),
    ("cmdb_ci_cmp_resource", "resource", 40),
    ("cmdb_ci_service", "Service", 8),
)

STRANGERS = (
    ("incident", "Password reset for the payroll portal", "1", ""),
    ("incident", "Can't access Exchange server - is it down?", "2", ""),
    ("incident", "Unable to connect to office wifi", "6", ""),
    ("incident", "Suspicious sign-in from a new country", "2", "Sentinel-5f2d-0b6c1f3a"),
    ("incident", "Malware found on WIN-SRV-004", "1", "Sentinel-5f2d-9d1e77c2"),
    ("incident", "Drucker im 3. Stock druckt nur „ÄÖÜ“", "3", ""),
    ("incident", "Laptop won't boot", "7", ""),
    ("incident", "SAP is slow", "1", ""),
    ("incident", "Request for a second monitor", "8", ""),
    ("incident", "Disk full on lnx-app-007", "2", "nagios:lnx-app-007:disk"),
    ("problem", "Switch occasionally drops connections", "101", ""),
    ("problem", "Memory leak in the order service", "103", ""),
    ("problem", "Backups fail on the first of the month", "107", ""),
    ("change_request", "Rollback Oracle ® version", "-5", ""),
    ("change_request", "Replace the core firewall", "-3", ""),
    ("change_request", "Patch Tuesday", "3", ""),
)
