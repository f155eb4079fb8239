"""JSON fixes on `taxihub/<terminal>/fix`: our own format for devices that speak MQTT."""
