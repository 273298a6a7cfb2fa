"""The endpoints of the API, with the models of their requests and answers."""
