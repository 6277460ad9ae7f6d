"""What runs inside the bot: records in, fragments out. Standard library and pyarrow only."""
