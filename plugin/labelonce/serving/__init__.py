"""Following a project: the loop that runs again and again, and the receiver of Label Studio's webhooks.

Nothing here decides or writes: a webhook only says that there may be something to do. What there is to do is found by
`labelonce sync`, from what the server knows, so that a webhook that is lost, forged, doubled or late changes nothing.
"""
