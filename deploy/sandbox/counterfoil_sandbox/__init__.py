"""A local stand-in for Stripe and Salesforce: stateful, faithful to their published behaviour, and able to misbehave.

It exists so that a client of either vendor can be tried over real sockets without an account. It keeps everything in
memory, never talks to a vendor, and answers plainly that something is not imitated instead of making an answer up.
"""
