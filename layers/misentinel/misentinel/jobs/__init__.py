"""Jobs: what takes longer than a request. Begun inside one, run in portions, each with its record.

Who has something to do for long begins a job in the request's unit of work::

    job = begin(Kind.DELETION, plan={"person": person_id})
    return Reply(job.view(), status=202, headers={"Location": job.path})

and offers the worker a task for that kind: a function that is given the job and returns what does its portions.
A portion adds its writes to the current unit of work, as many as there is room for, and returns a `Step`. The job's
own item is moved in the same transaction, on condition that it is where it was read: whoever comes second changes nothing.
"""

from misentinel.jobs.model import ACTIONS, NEEDS, NO_LONGER_PERMITTED, Counts, Job, JobView, Kind, Status, Step
from misentinel.jobs.store import Jobs, begin, jobs_of_tenant

__all__ = [
    "ACTIONS",
    "NEEDS",
    "NO_LONGER_PERMITTED",
    "Counts",
    "Job",
    "JobView",
    "Jobs",
    "Kind",
    "Status",
    "Step",
    "begin",
    "jobs_of_tenant",
]
