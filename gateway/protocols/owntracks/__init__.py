"""OwnTracks, the open phone tracker: JSON on `owntracks/<user>/<device>`."""
