"""The answers over HTTP: a REST service, and one page that shows them in a browser.

Nothing is computed here that the command line does not compute: routes ask `mc_assets.answers`
and present what they get. Long work never runs in a web worker: it is written down as a job record
and done by a process of its own (`mc_assets.service.work_process`), so that any number of web
workers on one data folder tell the same of it.
"""
