"""HTTP as both clouds need it: explicit trust, deadlines, and errors that say what may have happened.

SyncError
`- HttpError            status, `acted`: the server may have carried the request out
   |- HttpRetry         (Retry)
   |  |- NeverSent      the request did not reach the server: any verb may be repeated
   |  `- AnswerLost     sent, no clear answer: read before repeating what is not idempotent
   |- HttpPark          (Park) `seconds`
   |  `- Throttled      429: `semaphore` tells which of ServiceNow's two kinds
   |- HttpFatal         (Fatal)
   `- HttpSkip          (Skip)
"""
