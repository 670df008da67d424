"""
What a client can ask of a session: one module per family, one table for all.

A handler gets the decoded packet, checks everything, then changes. It returns the answer's packet, or None for the plain one
(NULL_RESPONSE, where the table says that the packet is answered), or raises ``Refused``.
"""
