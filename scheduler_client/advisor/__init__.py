"""What asks the predictor and makes keys, whichever engine or gateway it is for.

| module | is |
|---|---|
| settings | the LENGTHWISE_ variables of asking, ordering and reporting, checked when read |
| request | a request as it comes, and as it has ended |
| asker, breaker, connection | predictions over one stream, and when nobody is asked |
| known_requests | requests that have not ended, within a bound |
| reporter | true lengths back to the predictor |
| key_maker | places in the queue, by a rule |
| typical_lengths, service_time_fit, running_line | what finished requests teach |

Of the standard library and grpc alone, and grpc is imported by whoever connects.
"""
