"""Choice lists: `value=Label; value=Label`. Out-of-the-box values (servicenow-api 6.1 to 6.3)."""

CHOICES = {
    "state": "-5=Pending; 1=Open; 2=Work in Progress; 3=Closed Complete; 4=Closed Incomplete; "
    "7=Closed Skipped",
    "incident_state": "1=New; 2=In Progress; 3=On Hold; 6=Resolved; 7=Closed; 8=Canceled",
    "hold_reason": "1=Awaiting Caller; 3=Awaiting Problem; 4=Awaiting Vendor; 5=Awaiting Change",
    "impact": "1=1 - High; 2=2 - Medium; 3=3 - Low",
    "urgency": "1=1 - High; 2=2 - Medium; 3=3 - Low",
    "severity": "1=1 - High; 2=2 - Medium; 3=3 - Low",
    "priority": "1=1 - Critical; 2=2 - High; 3=3 - Moderate; 4=4 - Low; 5=5 - Planning",
    "notify": "1=Do Not Notify; 2=Send Email; 3=Telephone",
    "escalation": "0=Normal; 1=Moderate; 2=High; 3=Overdue",
    "approval": "not requested=Not Yet Requested; requested=Requested; approved=Approved; rejected=Rejected",
    "upon_approval": "proceed=Proceed to Next Task; do_nothing=Wait for a User to Close this task",
    "upon_reject": "cancel=Cancel all future Tasks; goto=Go to a previous Task",
    "contact_type": "chat=Chat; email=Email; phone=Phone; self-service=Self-service; "
    "virtual_agent=Virtual Agent; walk-in=Walk-in",
    "category": "inquiry=Inquiry / Help; software=Software; hardware=Hardware; network=Network; "
    "database=Database",
    "subcategory": "antivirus=Antivirus; internal application=Internal Application; email=Email; "
    "operating system=Operating System; cpu=CPU; disk=Disk; memory=Memory; dns=DNS; vpn=VPN; "
    "wireless=Wireless; db2=DB2; oracle=Oracle; sql server=MS SQL Server",
    "close_code": "Duplicate; Known error; No resolution provided; Resolved by caller; Resolved by change; "
    "Resolved by problem; Resolved by request; Solution provided; Workaround provided; User error",
    "close_code_legacy": "Solved (Work Around); Solved (Permanently); Solved Remotely (Work Around); "
    "Solved Remotely (Permanently); Not Solved (Not Reproducible); Not Solved (Too Costly); "
    "Closed/Resolved by Caller",
    "problem_state": "101=New; 102=Assess; 103=Root Cause Analysis; 104=Fix in Progress; "
    "106=Resolved; 107=Closed",
    "resolution_code": "fix_applied=Fix Applied; risk_accepted=Risk Accepted; duplicate=Duplicate; "
    "canceled=Canceled",
    "problem_category": "software=Software; hardware=Hardware; network=Network; database=Database",
    "change_state": "-5=New; -4=Assess; -3=Authorize; -2=Scheduled; -1=Implement; 0=Review; "
    "3=Closed; 4=Canceled",
    "change_type": "normal=Normal; standard=Standard; emergency=Emergency",
    "change_category": "Hardware; Software; Service; System Software; Applications Software; "
    "Network; Telecom; "
    "Documentation; Other",
    "risk": "1=Very High; 2=High; 3=Moderate; 4=Low",
    "scope": "1=Massive; 2=Large; 3=Medium; 4=Small; 5=Tiny",
    "phase": "requested=Requested; plan=Plan; build=Build; test=Test; implement=Implement",
    "phase_state": "open=Open; approved=Approved; closed=Closed",
    "change_close_code": "successful=Successful; successful_issues=Successful with issues; "
    "unsuccessful=Unsuccessful",
    "conflict_status": "Conflict; No Conflict; Not Run",
    "operational_status": "1=Operational; 2=Non-Operational; 3=Repair in Progress; 6=Retired",
    "install_status": "1=Installed; 2=On Order; 3=In Maintenance; 7=Retired; 100=Absent",
}
