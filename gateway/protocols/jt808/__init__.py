"""JT/T 808-2011, -2013 and -2019: terminal communication protocol of road transport vehicles."""
