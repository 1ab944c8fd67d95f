"""The fault proxies: every connection of the pipeline leads through one of their links.

    client ──> link ──> upstream          control ──> PUT /links/<name> {"delay_s": 3.0}
                │                                     DELETE /links/<name>
              valve  <── toxic ───────────────────────────┘

One process serves all links. Toxics and counters live in its memory only, so restarting it cures
every link; a fault then reads as no longer in effect, which makes the drill INVALID, never green.
"""
