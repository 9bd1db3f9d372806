"""Who may do what with which document (RFC 4825 §5.7). Pure.

A user reads and writes below its own home directory and reads the global tree. Trusted
users, named in the settings, may do everything; what a usage keeps private in the global
tree is for them only.
"""

from enum import Enum

from sip.uri import AoR
from xcap.errors import Forbidden
from xcap.uri import Tree
from xcap.usage import Usage

Action = Enum("Action", ["READ", "WRITE"])


def authorize(action: Action, usage: Usage, tree: Tree, owner: AoR, user: AoR | None) -> None:
    """Refuse what `user`, who is not a trusted one, may not do. Raises Forbidden."""
    if tree is Tree.USERS:
        if user != owner:
            raise Forbidden("only the user itself may use the documents below its home directory")
    elif action is Action.WRITE:
        raise Forbidden("documents of the global tree are written by trusted users only")
    elif usage.private_global:
        raise Forbidden("this document is for trusted readers only")
