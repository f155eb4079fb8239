"""Due process: from a lead to a decision with reasons, and what confirmed cases do to a driver's service credit."""
