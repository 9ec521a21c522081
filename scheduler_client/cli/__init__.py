"""The commands of the client. argparse: it depends on grpcio and protobuf alone."""
