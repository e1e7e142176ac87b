"""What can be asked of a project: one function per question, one file per subject.

Each function takes the `Project` and plain arguments and returns a frame or plain data;
`json_values.plain` turns any answer into JSON values. A question is refused with `Refusal` or
another ``ValueError``, a study that fails too often raises ``StudyFailed``. Long work takes a
callback that is told how far it is. Nothing here prints, draws or knows a terminal: the command
line, a service and pages ask the same functions and present what they get.
"""
