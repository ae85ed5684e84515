"""Jobs on Ray or SLURM: the same workers, run folders and stop files as on this machine.

A cluster has a queue of its own, and starts workers on its nodes. For each job there is a process
of this machine, `agent`. It submits the worker, waits for its end, and submits it again if its
node is lost. State lies in the job's folder alone.
"""
