"""Columns of the tables around the tickets; the same notation as in task_columns.py."""

USER = """
user_name string 40 | User ID
name string 151 ro
first_name string 50
last_name string 50
email email 100
title string 60
active boolean default=true
locked_out boolean default=false
web_service_access_only boolean default=false
internal_integration_user boolean default=false
identity_type string 40
time_zone string 40
preferred_language string 3
department reference ref=cmn_department
company reference ref=core_company
manager reference ref=sys_user
location reference ref=cmn_location
sys_domain domain_id ref=sys_user_group default=global ro | Domain
user_password password2 255
"""

GROUP = """
name string 80
description string 1000
active boolean default=true
manager reference ref=sys_user
email email 100
type glide_list 4000
parent reference ref=sys_user_group
source string 255
default_assignee reference ref=sys_user
"""

MEMBER = """
user reference ref=sys_user
group reference ref=sys_user_group
"""

CI = """
name string 255
sys_class_name sys_class_name 80 | Class
object_id string 255 | Object ID
short_description string 1000
category string 40
subcategory string 40
environment string 40
operational_status integer default=1 choices=operational_status
install_status integer default=1 choices=install_status
support_group reference ref=sys_user_group
assignment_group reference ref=sys_user_group | Change Group
managed_by reference ref=sys_user
owned_by reference ref=sys_user
assigned_to reference ref=sys_user
company reference ref=core_company
location reference ref=cmn_location
ip_address string 255 | IP Address
fqdn string 255 | Fully qualified domain name
serial_number string 255
discovery_source string 40
correlation_id string 512 | Correlation ID
last_discovered glide_date_time | Most recent discovery
first_discovered glide_date_time
attributes string 65000
"""

CLOUD_ACCOUNT = """
account_id string 255
datacenter_type string 40
"""

CLOUD_RESOURCE = """
resource_type string 255
"""

SERVICE = """
busines_criticality string 40 | Business criticality
"""

COMPANY = """
name string 80
"""

LOCATION = """
name string 100
"""

CHOICE = """
name string 80 | Table
element string 80
label string 255
value string 40
language string 40 default=en
sequence integer
inactive boolean default=false
dependent_value string 40
hint string 255
"""

DICTIONARY = """
name string 80 | Table
element string 80 | Column name
column_label string 80
internal_type string 40 | Type
max_length integer
reference string 80
default_value string 255
read_only boolean default=false
mandatory boolean default=false
active boolean default=true
choice integer
unique boolean default=false
"""

DB_OBJECT = """
name string 80
label string 80
super_class reference ref=sys_db_object | Extends table
sys_class_name sys_class_name 80
"""

JOURNAL = """
element string 80
element_id string 32
name string 80
value journal_text 16777215
"""

AUDIT_DELETE = """
tablename string 80
documentkey string 32
display_value string 255
user string 40
payload string 16777215
"""

ATTACHMENT = """
file_name string 100
content_type string 255
table_name string 80
table_sys_id string 32
size_bytes integer
size_compressed integer
compressed boolean default=true
chunk_size_bytes integer
state string 40 default=pending
hash string 255
average_image_color string 40
image_width integer
image_height integer
download_link string 1024
"""

PROPERTY = """
name string 100
value string 4000
description string 512
"""

IMPORT_ROW = """
sys_import_set string 40
sys_import_state string 40
sys_target_table string 80
sys_target_sys_id string 32
template_import_log string 4000
"""
