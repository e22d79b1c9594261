"""Columns of task and of what extends it, one a line: `name type [length] [key=value ...] [ro] [| Label]`.

Names and defaults as in a real answer of December 2025 (pdi2025-incident-post-201.json) and in recorded
changes (stackstate); lengths by servicenow-api 1.9. `ref` names the referenced table, `choices` a list in
choices.py, `ro` is dictionary-read-only: what a client sends there is dropped silently (servicenow-api 1.7).
"""

SYSTEM = """
sys_id GUID 32 ro | Sys ID
sys_created_on glide_date_time ro | Created
sys_created_by string 40 ro | Created by
sys_updated_on glide_date_time ro | Updated
sys_updated_by string 40 ro | Updated by
sys_mod_count integer ro default=0 | Updates
sys_tags related_tags 255 ro | Tags
"""

TASK = """
parent reference ref=task
made_sla boolean default=true ro | Made SLA
watch_list glide_list 4000 ref=sys_user
upon_reject choice 40 default=cancel choices=upon_reject
approval_history journal 4000
number string 40 ro
task_effective_number string 40 ro | Effective number
opened_by reference ref=sys_user
user_input user_input 4000
sys_domain domain_id ref=sys_user_group default=global ro | Domain
sys_domain_path domain_path 255 default=/ ro | Domain Path
sys_class_name sys_class_name 80 ro | Task type
state integer choices=state
route_reason integer
knowledge boolean default=false
order integer
closed_at glide_date_time | Closed
closed_by reference ref=sys_user
cmdb_ci reference ref=cmdb_ci | Configuration item
delivery_plan reference ref=sc_cat_item_delivery_plan
delivery_task reference ref=sc_cat_item_delivery_task
contract reference ref=ast_contract
impact integer default=3 choices=impact
urgency integer default=3 choices=urgency
priority integer choices=priority
active boolean default=true
work_notes_list glide_list 4000 ref=sys_user | Work notes list
business_service reference ref=cmdb_ci_service | Service
service_offering reference ref=service_offering
universal_request reference ref=task
time_worked timer
expected_start glide_date_time
opened_at glide_date_time | Opened
business_duration glide_duration
calendar_duration glide_duration | Duration
group_list glide_list 4000 ref=sys_user_group
work_start glide_date_time | Actual start
work_end glide_date_time | Actual end
approval_set glide_date_time
approval string 40 default=not_requested choices=approval
short_description string 160
description string 4000
correlation_id string 100 | Correlation ID
correlation_display string 100
assignment_group reference ref=sys_user_group
assigned_to reference ref=sys_user
additional_assignee_list glide_list 4000 ref=sys_user
close_notes string 4000 | Resolution notes
follow_up glide_date_time
contact_type string 40 choices=contact_type | Channel
company reference ref=core_company
reassignment_count integer default=0 ro
activity_due due_date
sla_due due_date ro | SLA due
due_date glide_date_time
comments journal_input 4000 | Additional comments
work_notes journal_input 4000
comments_and_work_notes journal_list 4000 ro
escalation integer default=0 choices=escalation
upon_approval choice 40 default=proceed choices=upon_approval
location reference ref=cmn_location
"""

INCIDENT = """
state integer default=1 choices=incident_state
incident_state integer default=1 choices=incident_state
caused_by reference ref=change_request | Caused by Change
child_incidents integer default=0 ro
hold_reason integer choices=hold_reason | On hold reason
origin_table table_name 80
origin_id document_id 32
resolved_by reference ref=sys_user
resolved_at glide_date_time | Resolved
calendar_stc integer ro | Resolve time
business_stc integer ro | Business resolve time
business_impact string 4000
rfc reference ref=change_request | Change Request
caller_id reference ref=sys_user | Caller
reopened_time glide_date_time ro | Last reopened at
reopened_by reference ref=sys_user ro | Last reopened by
reopen_count integer default=0 ro
category string 40 default=inquiry choices=category
subcategory string 40 choices=subcategory
close_code string 40 choices=close_code | Resolution code
cause string 4000 | Probable cause
notify integer default=1 choices=notify
parent_incident reference ref=incident
problem_id reference ref=problem | Problem
severity integer default=3 choices=severity
"""

PROBLEM = """
state integer default=101 choices=problem_state
problem_state integer default=101 choices=problem_state
resolution_code string 40 choices=resolution_code ro
cause_notes html 4000
fix_notes html 4000
workaround html 4000
workaround_applied boolean default=false
known_error boolean default=false
major_problem boolean default=false
first_reported_by_task reference ref=task
duplicate_of reference ref=problem
related_incidents integer default=0 ro
rfc reference ref=change_request | Change request
category string 40 choices=problem_category
subcategory string 40 choices=subcategory
confirmed_at glide_date_time ro
confirmed_by reference ref=sys_user ro
fix_at glide_date_time ro
fix_by reference ref=sys_user ro
resolved_at glide_date_time ro | Resolved
resolved_by reference ref=sys_user ro
reopened_at glide_date_time ro
reopened_by reference ref=sys_user ro
reopen_count integer default=0 ro
review_outcome string 40
fix_communicated_at glide_date_time ro
fix_communicated_by reference ref=sys_user ro
"""

CHANGE = """
state integer default=-5 choices=change_state
type string 40 default=normal choices=change_type
chg_model reference ref=chg_model | Model
priority integer default=4 choices=priority
reason string 40
category string 40 default=Other choices=change_category
risk integer default=3 choices=risk
scope integer default=3 choices=scope
phase string 40 default=requested choices=phase
phase_state string 40 default=open choices=phase_state
requested_by reference ref=sys_user
requested_by_date glide_date_time
start_date glide_date_time | Planned start date
end_date glide_date_time | Planned end date
on_hold boolean default=false
on_hold_reason string 4000
on_hold_task glide_list 4000 ref=task
justification string 4000
implementation_plan string 4000
backout_plan string 4000
test_plan string 4000
change_plan string 4000
risk_impact_analysis string 4000
risk_value integer
review_status integer
review_date glide_date
review_comments string 4000
close_code string 40 choices=change_close_code
cab_required boolean default=false | CAB required
cab_delegate reference ref=sys_user | CAB delegate
cab_date glide_date | CAB date
cab_date_time glide_date_time | CAB date/time
cab_recommendation string 4000 | CAB recommendation
conflict_status string 40 choices=conflict_status
conflict_last_run glide_date_time
outside_maintenance_schedule boolean default=false
production_system boolean default=false
unauthorized boolean default=false
is_bulk boolean default=false ro
std_change_producer_version reference ref=std_change_producer_version
"""
